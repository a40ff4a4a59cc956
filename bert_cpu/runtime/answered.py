"""An example with all that a model made of it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from bert_cpu.example import Example
from bert_cpu.task import Outputs
from bert_cpu.text.windows import Reading


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """What was asked, how it was read, what came out and what that means.

    Args:
        example: what was asked.
        reading: its tokens.
        outputs: of each window, as `Task.answer` takes them.
        answer: what `Task.answer` made of them.
    """

    example: Example
    reading: Reading
    outputs: Sequence[Outputs]
    answer: Any

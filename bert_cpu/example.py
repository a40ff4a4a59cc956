"""What every source gives, and every task reads."""

import dataclasses
from typing import Any


# Not frozen: of these there are many, and a frozen one takes three times as long.
@dataclasses.dataclass(slots=True, unsafe_hash=True)
class Example:
    """A raw text (or a pair of them) with what is to be learned of it.

    Args:
        text: str, as written. May be empty.
        text_pair: str or None. The second text, of data sets that have pairs.
        label: what is to be learned, in the form that the task's `read` gives it
            and JSON can hold: a label's name, a list of spans, a number. None for
            a text that is only to be answered, and where a source has no label.
        position: str. Where it stands, for messages: "reviews.csv line 12".
    """

    text: str
    text_pair: str | None
    label: Any
    position: str

"""From the windows of a text to their outputs."""

import numpy as np

from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.task import Task
from bert_cpu.text.windows import Reading


def run_windows(
    interpreter: BucketedInterpreter, task: Task, reading: Reading
) -> list[dict[str, np.ndarray]]:
    """Runs a converted model on all windows of a text.

    Args:
        interpreter: of the model.
        task: that it was trained for.
        reading: the text's tokens.

    Returns:
        The outputs of each window, as `Task.answer` takes them. Those of a second
        text that is read by itself are beside the first's, with `pair_` in front.
    """
    outputs = []
    for window in reading.windows:
        found = interpreter.run_ids(window.ids, window.type_ids)
        for name in task.per_token:
            found[name] = found[name][: len(window.ids)]
        outputs.append(found)
    if reading.apart is not None:
        apart = interpreter.run_ids(reading.apart.ids, reading.apart.type_ids)
        outputs[0] |= {f"pair_{name}": value for name, value in apart.items()}
    return outputs

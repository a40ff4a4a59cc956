"""Texts of which their source says that nobody gave them a label."""

from bert_cpu.example import Example
from bert_cpu.task import Task


def lacks_label(example: Example, task: Task) -> bool:
    """Whether there is nothing to learn from an example, so that it is left out.

    Args:
        example: from a source.
        task: what it is for. One without a set of labels reads all examples.
    """
    return task.has_labels and example.label is None

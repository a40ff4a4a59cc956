"""What a model is asked first, by somebody who only wants to see that it answers."""

from bert_cpu.task import Task


def first_question(task: Task, text_pair: bool) -> dict[str, str | None]:
    """A text that the model can answer, and a second one if it must have one.

    Args:
        task: the model's.
        text_pair: whether it was trained on pairs.

    Returns:
        `text` and `text_pair`, as `predict` takes them.
    """
    text, second = task.sample
    needs_second = text_pair and not task.reads_apart
    return {"text": text, "text_pair": second if needs_second else None}

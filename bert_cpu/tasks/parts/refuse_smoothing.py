"""Label smoothing is for tasks that choose among labels."""

from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings


def refuse_smoothing(task: str, settings: PrepareSettings, learned: str) -> None:
    """Refuses `--label-smoothing` for a task without labels.

    Args:
        task: str, its name.
        settings: of a run; those of preparing have no such setting.
        learned: str. What the task learns in place of labels.

    Raises:
        UserError: if the setting is other than 0.
    """
    smoothing = getattr(settings, "label_smoothing", 0.0)
    if smoothing:
        raise UserError(
            f"--label-smoothing is {smoothing:g}, but --task {task} learns {learned}, "
            "so that there is no label to smooth. Leave the option out."
        )

"""What to run after a run: commands to paste, for the terminal and the page."""

import shlex
from pathlib import Path

from bert_cpu.report.name_run import DEFAULT_RUNS_DIR, name_run
from bert_cpu.report.read_run import Run, read_run
from bert_cpu.report.resume_command import resume_command


def next_steps(run_dir: Path) -> list[tuple[str, str]]:
    """The commands that take the run in `run_dir` further, and what each does.

    Args:
        run_dir: the run's directory, as it is to stand in the commands.

    Returns:
        `(command, purpose)` in the order to run them: for a run without results
        how to go on with it, then converting it, then asking it.

    Raises:
        UserError: if `run_dir` is not a directory.
    """
    run = read_run(run_dir)
    events = shlex.quote(str(run_dir / "tensorboard"))
    watch = (f"tensorboard --logdir {events}", "compare its curves with other runs'")
    if not run.metrics:
        return [(resume_command(run), "go on from the last checkpoint"), watch]
    if not run.tflite:
        export = f"bert-cpu export {name_run(run_dir)}"
        if run_dir.parent == DEFAULT_RUNS_DIR:
            export = f"make tflite NAME={shlex.quote(run_dir.resolve().name)}"
        return [(export, "convert the model to TensorFlow Lite"), watch]
    predict = f"bert-cpu predict {shlex.quote(str(run_dir))}"
    text, second = _first_question(run)
    by_line = (f"{predict} --json < texts.txt", "ask it line by line, for JSON")
    if second is None:
        return [(f'{predict} "{text}"', "ask it"), by_line, watch]
    by_line = (
        f"{predict} --json --text-pair second < texts.txt",
        "ask it line by line, with a tab between two texts, for JSON",
    )
    return [(f'{predict} "{text}" --pair "{second}"', "ask it"), by_line, watch]


def _first_question(run: Run) -> tuple[str, str | None]:
    """What the task said when the model was converted; it was not asked always."""
    asked = run.tflite.get("ask")
    if isinstance(asked, dict) and "text" in asked:
        return asked["text"], asked.get("text_pair")
    return "a text of yours", "and another" if run.config.get("text_pair") else None

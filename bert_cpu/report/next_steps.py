"""What to run after a run: commands to paste, for the terminal and the page."""

import shlex
from pathlib import Path

from bert_cpu.report.read_run import read_run

DEFAULT_RUNS_DIR = Path("runs")


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
    name = shlex.quote(run_dir.resolve().name)
    is_default = run_dir.parent == DEFAULT_RUNS_DIR
    flags = f"--name {name}"
    if not is_default:
        flags += f" --runs-dir {shlex.quote(str(run_dir.parent))}"
    events = shlex.quote(str(run_dir / "tensorboard"))
    watch = (f"tensorboard --logdir {events}", "compare its curves with other runs'")
    if not run.metrics:
        return [
            (f"bert-cpu train {flags} --resume", "go on from the last checkpoint"),
            watch,
        ]
    if not run.tflite:
        export = (
            f"make tflite NAME={name}" if is_default else f"bert-cpu export {flags}"
        )
        return [(export, "convert the model to TensorFlow Lite"), watch]
    predict = f"bert-cpu predict {shlex.quote(str(run_dir))}"
    is_of_pairs = bool(run.config.get("text_pair"))
    question = '"a text" --pair "and another"' if is_of_pairs else '"a text of yours"'
    return [
        (f"{predict} {question}", "ask it"),
        (f"{predict} --json < texts.txt", "ask it line by line, for JSON"),
        watch,
    ]

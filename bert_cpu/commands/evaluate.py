"""`bert-cpu evaluate`: a trained model measured again."""

import dataclasses
import json

import rich.console

from bert_cpu.data.damage.left_out import read_left_out
from bert_cpu.report.console import print_result
from bert_cpu.training.run_directory import find_run
from bert_cpu.training.screen import Screen
from bert_cpu.training.tell_left_out import tell_left_out
from bert_cpu.training.trained import find_bundle, load_run_records, open_trained


def run(
    name: str, runs_dir: str, split: str, as_json: bool, skip_damaged: bool = False
) -> int:
    """Measures a run's model on a split of the records it was trained on.

    Args:
        name, runs_dir: of the run.
        split: of its records.
        as_json: print JSON.
        skip_damaged: leave damaged records out, and count them.

    Returns:
        The exit code.

    Raises:
        UserError: if there is no such run, bundle or split, or it was changed.
    """
    run_dir = find_run(runs_dir, name)
    trained = open_trained(find_bundle(run_dir))
    task = trained.task if skip_damaged else None
    manifest = load_run_records(run_dir, split, trained.bundle, task)
    measured = trained.evaluation(manifest)(split)
    tell_left_out(manifest.directory, Screen())
    if as_json:
        left_out = dataclasses.asdict(read_left_out(manifest.directory))
        result = {"name": name, "split": split, **measured, "left_out": left_out}
        print(json.dumps(result))
        return 0
    labels = list(manifest.labels)
    # Its result is what a command is asked for, so it can be piped on.
    console = rich.console.Console(highlight=False)
    metrics = list(trained.task.metrics)
    result = {"labels": labels, "metrics": metrics, split: measured}
    print_result(result, [], [], console)
    return 0

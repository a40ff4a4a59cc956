"""`bert-cpu evaluate`: a trained model measured again."""

import json

import rich.console

from bert_cpu.report.console import print_result
from bert_cpu.training.run_directory import find_run
from bert_cpu.training.trained import find_bundle, load_run_records, open_trained


def run(name: str, runs_dir: str, split: str, as_json: bool) -> int:
    """Measures a run's model on a split of the records it was trained on.

    Returns:
        The exit code.

    Raises:
        UserError: if there is no such run, bundle or split, or it was changed.
    """
    run_dir = find_run(runs_dir, name)
    trained = open_trained(find_bundle(run_dir))
    manifest = load_run_records(run_dir, split, trained.bundle)
    measured = trained.evaluation(manifest)(split)
    if as_json:
        print(json.dumps({"name": name, "split": split, **measured}))
        return 0
    labels = list(manifest.labels)
    # Its result is what a command is asked for, so it can be piped on.
    console = rich.console.Console(highlight=False)
    metrics = list(trained.task.metrics)
    result = {"labels": labels, "metrics": metrics, split: measured}
    print_result(result, [], [], console)
    return 0

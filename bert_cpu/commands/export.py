"""`bert-cpu export`: a trained model converted to TensorFlow Lite."""

from collections.abc import Iterator

import numpy as np

from bert_cpu.data.manifest import Manifest
from bert_cpu.data.pipeline import evaluation_batches
from bert_cpu.export.export_tflite import export_tflite
from bert_cpu.report.console import print_tflite
from bert_cpu.report.next_steps import next_steps
from bert_cpu.report.write_report import write_report
from bert_cpu.training.evaluate import predict_split
from bert_cpu.training.run_directory import find_run
from bert_cpu.training.screen import Screen
from bert_cpu.training.trained import find_bundle, load_run_records, open_trained


def run(name: str, runs_dir: str, threads: int) -> int:
    """Converts a run's bundle, compares the variants on the whole test split.

    Returns:
        The exit code.

    Raises:
        UserError: if there is no such run, or something of it was changed.
    """
    screen = Screen()
    run_dir = find_run(runs_dir, name)
    trained = open_trained(find_bundle(run_dir))
    manifest = load_run_records(run_dir, "test", trained.bundle)
    _, logits = predict_split(trained.predict_step, manifest, "test")
    examples = _examples(manifest, "test")
    report = export_tflite(run_dir, examples, logits, threads or None, screen.say)
    write_report(run_dir)
    print_tflite(report, screen.console)
    for command, purpose in next_steps(run_dir):
        screen.say(f"  {command}  # {purpose}")
    return 0


def _examples(
    manifest: Manifest, split: str
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Each example without padding, in the order of the records."""
    rows: list[tuple[int, np.ndarray, np.ndarray, int]] = []
    for batch in evaluation_batches(manifest, split, 64):
        lengths = batch["attention_mask"].numpy().sum(axis=1)
        columns = zip(
            batch["index"].numpy(),
            batch["input_ids"].numpy(),
            batch["token_type_ids"].numpy(),
            batch["label"].numpy(),
            lengths,
            strict=True,
        )
        rows.extend(
            (index, ids[:length], types[:length], int(label))
            for index, ids, types, label, length in columns
        )
    rows.sort(key=lambda row: row[0])
    return ((ids, types, label) for _, ids, types, label in rows)

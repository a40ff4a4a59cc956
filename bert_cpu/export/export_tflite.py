"""Converts a trained run to TensorFlow Lite, compares, and keeps the better."""

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tokenizers import Tokenizer

from bert_cpu import storage
from bert_cpu.errors import UserError
from bert_cpu.export.compare import choose, compare, measure_latency
from bert_cpu.export.first_question import first_question
from bert_cpu.export.tflite import convert, length_buckets
from bert_cpu.hardware.answering import Answering, choose_answering
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.models.bundle import BundleInfo, check_bundle
from bert_cpu.runtime.answered import Answered
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.runtime.tflite_model import FORMAT
from bert_cpu.task import Task
from bert_cpu.text.tokenizer_parts import WHOLE, write_parts


def export_tflite(
    run_dir: str | os.PathLike[str],
    task: Task,
    labels: Sequence[str],
    answered: Iterable[Answered],
    answering: Answering | None = None,
    log: Callable[[str], object] = print,
) -> dict[str, Any]:
    """Writes `run_dir/tflite`, which `bert_cpu.runtime` opens.

    The directory appears whole or not at all; one that was there is replaced.

    Args:
        run_dir: a run that has `bundle/`.
        task: the bundle's.
        labels: as `Task.answer` takes them.
        answered: the examples of the test split, each with the trained model's
            outputs and answer.
        answering: how this machine answers. Default: with all cores, and nothing
            measured.
        log: is called with a line about each stage.

    Returns:
        What is in `tflite/report.json`: `variants` (each with `name`, `size_mb`,
        `max_abs_difference`, `latency_ms` and the task's metrics), `metrics` (the
        names of those), `chosen`, `why`, `keras` (the trained model's metrics),
        `examples`, `ask` (a text to try it with, see `first_question`).

    Raises:
        UserError: if there is no bundle, it was changed, its model can't be
            exported, the test split is empty, or the disk is full.

    Example:
    >>> report = export_tflite(run_dir, task, labels, answered)  # doctest: +SKIP
    >>> report["chosen"]  # doctest: +SKIP
    'int8'
    """
    run_dir = pathlib.Path(run_dir)
    bundle_dir = run_dir / "bundle"
    if not bundle_dir.is_dir():
        raise UserError(
            f"'{run_dir}' has no trained model. Run "
            f"`make train NAME={run_dir.resolve().name}` first."
        )
    info = check_bundle(bundle_dir)
    answering = answering or choose_answering(read_hardware())
    buckets = length_buckets(info.max_length, answering.middle_lengths)
    with storage.new_directory(run_dir / "tflite") as output_dir:
        log(f"Converting, one signature for each length of {buckets} tokens")
        paths = convert(bundle_dir, output_dir, buckets, task)
        models = {
            variant: BucketedInterpreter(path, buckets, answering.threads)
            for variant, path in paths.items()
        }
        log(f"Evaluating {' and '.join(paths)} on the whole test split")
        trained, compared = compare(models, task, labels, answered)
        log("Measuring the latency of one sequence")
        latency_ms = measure_latency(models, buckets)
        variants = [
            {
                "name": variant,
                "size_mb": path.stat().st_size / 1e6,
                **{name: compared[variant].measured[name] for name in task.metrics},
                "max_abs_difference": compared[variant].max_abs_difference,
                "latency_ms": latency_ms[variant],
            }
            for variant, path in paths.items()
        ]
        chosen, why = choose(variants, task.metrics[0], answering.refuses_int8)
        report = {
            "variants": variants,
            "chosen": chosen,
            "why": why,
            "metrics": list(task.metrics),
            "keras": {name: trained[name] for name in task.metrics},
            "examples": trained["examples"],
            "ask": first_question(task, info.text_pair),
        }
        _write_beside(output_dir, bundle_dir, info, buckets, report)
    log(why)
    return report


def _write_beside(
    output_dir: pathlib.Path,
    bundle_dir: pathlib.Path,
    info: BundleInfo,
    buckets: list[int],
    report: dict[str, Any],
) -> None:
    """Puts beside the .tflite files all that is needed to answer with them."""
    shutil.copyfile(bundle_dir / WHOLE, output_dir / WHOLE)
    write_parts(Tokenizer.from_file(str(output_dir / WHOLE)), output_dir)
    # For other readers of .tflite files; a label of two lines is one line there.
    lines = (" ".join(label.splitlines()) + "\n" for label in info.labels)
    (output_dir / "labels.txt").write_text("".join(lines), encoding="utf-8")
    storage.write_json(output_dir / "report.json", report)
    names = [path.name for path in output_dir.iterdir()]
    model = {
        "format": FORMAT,
        "version": 1,
        **dataclasses.asdict(info),
        "buckets": buckets,
        "chosen": report["chosen"],
        "files": storage.describe_files(output_dir, names),
    }
    storage.write_json(output_dir / "model.json", model)

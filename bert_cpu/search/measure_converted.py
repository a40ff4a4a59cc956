"""What a trial's model comes to when it is converted: size, latency, metrics."""

import os
import pathlib
import shutil
from typing import Any

from bert_cpu.export.compare import compare, measure_latency
from bert_cpu.export.tflite import convert, length_buckets
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.training.assemble import Assembled

# Trials wait for the cores; the median of so long is steady enough.
_LATENCY_SECONDS = 4.0


def measure_converted(run: Assembled, directory: pathlib.Path) -> list[dict[str, Any]]:
    """Converts a trained model to TensorFlow Lite and measures what comes out.

    Args:
        run: with the trained weights in its model.
        directory: for the files, which are removed again.

    Returns:
        list of dict, one a variant: `name`; `size_mb`; `latency_ms`, the median for
        one text of `max_length` tokens on the cores of this process; and the task's
        metrics of the validation split.
    """
    bundle, output = directory / "bundle", directory / "tflite"
    max_length = run.manifest.max_length
    buckets = length_buckets(max_length)
    threads = len(os.sched_getaffinity(0))
    output.mkdir(exist_ok=True)
    try:
        run.save_bundle(bundle)
        paths = convert(bundle, output, buckets, run.task)
        models = {
            name: BucketedInterpreter(path, buckets, threads)
            for name, path in paths.items()
        }
        tokenizer = run.checkpoint.tokenizer.backend_tokenizer
        labels = run.task.answer_labels(run.manifest.labels, tokenizer)
        answered = run.evaluation.answer("validation")
        _, compared = compare(models, run.task, labels, answered)
        latency_ms = measure_latency(models, [max_length], _LATENCY_SECONDS)
        return [
            {
                "name": name,
                "size_mb": path.stat().st_size / 1e6,
                "latency_ms": latency_ms[name][str(max_length)],
                **{each: compared[name].measured[each] for each in run.task.metrics},
            }
            for name, path in paths.items()
        ]
    finally:
        shutil.rmtree(bundle, ignore_errors=True)
        shutil.rmtree(output, ignore_errors=True)

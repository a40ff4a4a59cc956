"""Random models in int8, answered by the kernel in C++ and without it."""

import types

import numpy as np
import pytest
import tiny_bundle

from bert_cpu.export.tflite import convert
from bert_cpu.native import encoder_delegate as native
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.runtime.run_windows import run_windows
from bert_cpu.tasks.answer import AnswerQuestions
from bert_cpu.text.windows import Reading

needs_kernel = pytest.mark.skipif(
    native.why_not() is not None, reason=f"no kernel here: {native.why_not()}"
)
BUCKETS = [16, 40, 130]
# Sizes that fill no panel of 64 columns, heads of 48 and of 80 numbers.
ODD = {"hidden_size": 240, "num_attention_heads": 3, "intermediate_size": 208}
NARROW = {"hidden_size": 48, "num_attention_heads": 3, "intermediate_size": 80}
DEEP = {"num_hidden_layers": 3, "hidden_size": 128, "num_attention_heads": 4}
LENGTHS = (1, 2, 7, 16, 17, 39, 40, 41, 97, 130)


def write_model(directory, task, edit=None, **changes):
    """Random weights, changed by `edit`, converted: variant -> file."""
    config = tiny_bundle.CONFIG | {"max_position_embeddings": 130} | changes
    weights = tiny_bundle.random_weights(config, seed=5)
    if edit is not None:
        edit(weights)
    if isinstance(task, AnswerQuestions):
        weights["qa_outputs.weight"] = weights["classifier.weight"][:2]
        weights["qa_outputs.bias"] = weights["classifier.bias"][:2]
    bundle = tiny_bundle.write_bundle(directory / "bundle", weights, config)
    (directory / "tflite").mkdir()
    files = convert(bundle, directory / "tflite", BUCKETS, task)
    return types.SimpleNamespace(files=files, weights=weights, config=config)


def open_both(path, threads=1):
    return [
        BucketedInterpreter(path, BUCKETS, threads, uses_kernel=uses_kernel)
        for uses_kernel in (True, False)
    ]


def sequence(length, seed=0):
    ids = np.random.default_rng([seed, length]).integers(5, 320, length)
    return ids, (np.arange(length) > length // 2).astype(np.int32)


def outputs(interpreter, task, length, seed=0):
    """Of one sequence, padding cut off."""
    ids, kinds = sequence(length, seed)
    window = types.SimpleNamespace(ids=ids, type_ids=kinds)
    ((name, values),) = run_windows(interpreter, task, Reading([window], False))[
        0
    ].items()
    assert name in ("logits", "vector")
    return values

"""Interpreters of one process share the weights that are the same, and no others."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from kernel_models import (
    BUCKETS,
    LENGTHS,
    needs_kernel,
    open_both,
    outputs,
    write_model,
)

from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.tasks.classify import Classify

# Opens a file again and again, behind another one that loads all that is needed, and
# prints how much memory of its own each of them took.
PROGRAM = """
import pathlib, sys
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter

def kilobytes():
    lines = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if "Private_Dirty" in line)

float32, int8 = sys.argv[1:]
opened = [BucketedInterpreter(float32, [16, 40, 130], 1)]
before = kilobytes()
for _ in range(4):
    opened.append(BucketedInterpreter(int8, [16, 40, 130], 1))
    after = kilobytes()
    print(after - before)
    before = after
"""


@needs_kernel
@pytest.mark.skipif(
    not pathlib.Path("/proc/self/smaps_rollup").exists(), reason="Linux alone tells"
)
def test_a_further_interpreter_takes_no_memory_for_weights(tmp_path):
    width, depth = 256, 6
    sizes = {"hidden_size": width, "intermediate_size": 4 * width}
    model = write_model(tmp_path, Classify(), num_hidden_layers=depth, **sizes)
    files = [str(model.files[variant]) for variant in ("float32", "int8")]
    command = [sys.executable, "-c", PROGRAM, *files]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    # Memory that opening the first ones has left is taken by the next.
    *_, third, fourth = map(int, done.stdout.split())
    # The last block's keys and values aren't packed.
    packed = (depth * 12 - 2) * width**2 / 1024
    assert max(third, fourth) < 0.7 * packed


@needs_kernel
def test_weights_that_differ_in_signs_alone_are_not_shared(tmp_path):
    """Their steps and biases are the same."""

    def negate(weights):
        weights["bert.encoder.layer.0.attention.output.dense.weight"] *= -1

    models = []
    for edit in (None, negate):
        directory = tmp_path / f"model{len(models)}"
        directory.mkdir()
        models.append(write_model(directory, Classify(), edit))
    alone = [
        [outputs(open_both(model.files["int8"])[0], Classify(), n) for n in LENGTHS]
        for model in models
    ]
    side_by_side = [
        BucketedInterpreter(model.files["int8"], BUCKETS, 1) for model in models
    ]
    for interpreter, expected in zip(side_by_side, alone, strict=True):
        found = [outputs(interpreter, Classify(), n) for n in LENGTHS]
        np.testing.assert_equal(found, expected)
    assert not np.array_equal(*[outputs(each, Classify(), 40) for each in side_by_side])


@needs_kernel
def test_weights_outlive_the_interpreter_that_packed_them(tmp_path):
    model = write_model(tmp_path, Classify())
    expected = [
        outputs(open_both(model.files["int8"])[0], Classify(), n) for n in LENGTHS
    ]
    first = BucketedInterpreter(model.files["int8"], BUCKETS, 1)
    second = BucketedInterpreter(model.files["int8"], BUCKETS, 1)
    del first
    # What it had is written over, if it was freed.
    third = BucketedInterpreter(model.files["float32"], BUCKETS, 1)
    found = [outputs(second, Classify(), n) for n in LENGTHS]
    np.testing.assert_equal(found, expected)
    assert outputs(third, Classify(), 1).shape == found[0].shape

"""Operations in C++ that get no memory say so, as TensorFlow says it."""

import subprocess
import sys

import pytest

from bert_cpu.layers.native.operations import training_operations

PROGRAM = """
import pathlib, resource
import tensorflow as tf
from bert_cpu.layers.native.operations import training_operations

gelu = training_operations().bert_cpu_gelu
gelu(tf.ones((16, 16), tf.bfloat16))
x = tf.ones((1 << 15, 1 << 13), tf.bfloat16)  # 512 MB, and as much for what is made.
pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + (300 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    gelu(x)
except tf.errors.ResourceExhaustedError as error:
    print(error)
"""


@pytest.mark.skipif(training_operations() is None, reason="no operations in C++ here")
def test_the_tensor_that_found_no_memory_is_named():
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True
    )
    assert "OOM when allocating tensor with shape[32768,8192]" in said.stdout

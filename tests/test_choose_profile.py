"""How many threads are chosen for a computer, and which numbers."""

import os
import subprocess
import sys

import pytest
from made_up_computer import GRAVITON, XEON

from bert_cpu.errors import UserError
from bert_cpu.hardware.profile import choose_profile

AVX2 = XEON.replace("avx512_bf16", "").replace("amx_bf16", "")


@pytest.mark.parametrize(
    ("cpuinfo", "asked", "dtype", "reason"),
    [
        (XEON, "auto", "bfloat16", "multiplies it (amx_bf16)"),
        (XEON, "float32", "float32", "float32 as asked for"),
        (GRAVITON, "auto", "bfloat16", "multiplies it (bf16)"),
        (AVX2, "auto", "float32", "has none of amx_bf16, avx512_bf16, bf16"),
        (AVX2, "bfloat16", "bfloat16", "but slow"),
    ],
)
def test_bfloat16_is_chosen_only_where_it_is_fast(
    computer, cpuinfo, asked, dtype, reason
):
    profile = choose_profile(computer({"proc/cpuinfo": cpuinfo}), dtype=asked)
    assert profile.dtype == dtype
    assert reason in profile.why
    assert profile.why.count(".") == 1  # One sentence.


@pytest.mark.parametrize(
    ("threads", "workers", "chosen", "reason"),
    [
        (0, 1, 8, "8 threads, one for each of the 8 cores"),
        (0, 3, 2, "2 threads in each of 3 processes, an even share of the 8 cores"),
        (5, 1, 5, "5 threads as asked for"),
        (9, 1, 9, "more than this process may use cores (8)"),
        (5, 2, 5, "more than this process may use cores (8)"),
    ],
)
def test_threads_share_the_cores(computer, threads, workers, chosen, reason):
    profile = choose_profile(computer({}), threads=threads, workers=workers)
    assert profile.threads == chosen
    assert reason in profile.why


@pytest.mark.parametrize(
    ("threads", "batch", "streams", "threads_of_an_operation"),
    [
        (2, None, 2, "1"),
        (2, 32, 2, "1"),
        (4, 8, 4, "1"),
        (8, 32, 8, "1"),
        # Too few examples for all, or too large a graph.
        (4, 7, 1, "4"),
        (2, 1, 1, "2"),
        (16, 32, 1, "16"),
        (1, 32, 1, "1"),
    ],
)
def test_few_threads_compute_a_part_of_the_batch_each(
    computer, threads, batch, streams, threads_of_an_operation
):
    profile = choose_profile(computer({}), threads=threads, batch=batch)
    assert profile.streams == streams
    environment = profile.environment()
    assert environment["TF_NUM_INTRAOP_THREADS"] == threads_of_an_operation
    assert environment["TF_NUM_INTEROP_THREADS"] == str(threads)


def test_one_core_gives_one_thread(computer):
    one_core = computer({"proc/self/status": "Cpus_allowed_list:\t3\n"})
    profile = choose_profile(one_core)
    assert profile.threads == 1
    assert "1 thread, as this process may use one core" in profile.why


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 9}, "--workers is 9, but must be 1 to 8"),
        ({"workers": 0}, "--workers is 0, but must be 1 to 8"),
        ({"threads": -1}, "--threads is -1, but must be 0 or more"),
        ({"dtype": "float8"}, "--dtype is float8, but must be auto, float32 or"),
    ],
)
def test_an_impossible_profile_is_refused(computer, options, message):
    with pytest.raises(UserError, match=message):
        choose_profile(computer({}), **options)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_tensorflow_takes_its_threads_from_the_environment(computer):
    # tf_Compute runs operations side by side (inter-op); the pool within an
    # operation (intra-op) goes by the name of the process.
    program = (
        "import os, tensorflow as tf\n"
        "tf.function(lambda x: tf.matmul(x, x) + 1)(tf.ones((512, 512)))\n"
        "names = [open(f'/proc/self/task/{task}/comm').read().strip()"
        " for task in os.listdir('/proc/self/task')]\n"
        "print(names.count('tf_Compute'), len(names))"
    )

    def count(threads):
        environment = choose_profile(computer({}), threads=threads).environment()
        answer = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | environment,
        )
        return map(int, answer.stdout.split())

    # Up to eight threads compute parts of a batch, and need no pool within operations.
    (side_by_side_of_9, all_of_9), (side_by_side_of_11, all_of_11) = count(9), count(11)
    assert (side_by_side_of_9, side_by_side_of_11) == (9, 11)
    assert all_of_11 - all_of_9 == 2 * 2  # Two more in each pool.
    side_by_side_of_3, all_of_3 = count(3)
    assert side_by_side_of_3 == 3
    assert all_of_9 - all_of_3 == 6 + 8

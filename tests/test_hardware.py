"""What is read of a computer, what is chosen for it, and what fits into it."""

import dataclasses
import json
import math
import os
import subprocess
import sys

import psutil
import pytest

from bert_cpu.errors import UserError
from bert_cpu.hardware.cgroup import CgroupLimits, read_cgroup_limits
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.describe import describe_hardware, hardware_json
from bert_cpu.hardware.encoder_shape import EncoderShape, read_encoder_shape
from bert_cpu.hardware.fit import fit_model
from bert_cpu.hardware.memory import (
    MemoryEstimate,
    check_training_memory,
    estimate_inference_memory,
    estimate_training_memory,
    format_bytes,
)
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.hardware.trains_natively import trains_natively

GIB = 1 << 30
XEON = """\
processor\t: 0
vendor_id\t: GenuineIntel
model\t\t: 143
model name\t: Intel(R) Xeon(R) Platinum 8481C
flags\t\t: fpu sse4_2 avx fma avx2 avx512f avx512_bf16 avx512_vnni avx_vnni amx_bf16 \
amx_tile amx_int8

processor\t: 1
vendor_id\t: GenuineIntel
model\t\t: 143
model name\t: the second, which is not asked
flags\t\t: fpu
"""
GRAVITON = """\
processor\t: 0
BogoMIPS\t: 2100.00
Features\t: fp asimd evtstrm aes sha1 crc32 sve asimddp i8mm bf16 rng
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd40
"""
VERSION_2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
VERSION_1 = (
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)
MINILM = EncoderShape(30522, 384, 6, 12, 1536, 512)
BERT_BASE = EncoderShape(30522, 768, 12, 12, 3072, 512)


@pytest.fixture
def computer(tmp_path):
    """Writes a made-up computer: 8 online cores, 16 GiB, no control groups."""

    def write(files):
        defaults = {
            "proc/cpuinfo": XEON,
            "proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\n",
            "proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0-7\n",
            "sys/devices/system/cpu/online": "0-7\n",
            "sys/devices/system/cpu/cpu0/topology/thread_siblings_list": "0,4\n",
            "sys/devices/system/node/online": "0-1\n",
            "sys/devices/system/cpu/cpu0/cache/index0/level": "1\n",
            "sys/devices/system/cpu/cpu0/cache/index0/size": "48K\n",
            "sys/devices/system/cpu/cpu0/cache/index2/level": "2\n",
            "sys/devices/system/cpu/cpu0/cache/index2/size": "2048K\n",
            "sys/devices/system/cpu/cpu0/cache/index3/level": "3\n",
            "sys/devices/system/cpu/cpu0/cache/index3/size": "107520K\n",
        }
        for name, text in (defaults | files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(text))
        return read_hardware(tmp_path)

    return write


def test_an_amx_machine_is_read_as_its_files_say(computer):
    hardware = computer({})
    assert hardware.model == "Intel(R) Xeon(R) Platinum 8481C"
    assert hardware.vendor == "GenuineIntel"
    assert (hardware.cores, hardware.host_cores) == (8, 8)
    assert (hardware.threads_per_core, hardware.numa_nodes) == (2, 2)
    assert hardware.simd == (
        *("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni"),
        *("avx512_bf16", "amx_bf16", "amx_int8"),
    )
    assert (hardware.l2_cache, hardware.l3_cache) == (2 << 20, 105 << 20)
    assert hardware.memory_total == 16 * GIB
    assert hardware.memory_available == 12 * GIB


def test_an_arm_server_is_named_and_its_features_found(computer):
    hardware = computer({"proc/cpuinfo": GRAVITON})
    assert (hardware.model, hardware.vendor) == ("Neoverse-V1", "ARM")
    assert hardware.simd == ("asimd", "bf16", "i8mm", "sve")


def test_an_unknown_arm_core_keeps_its_number(computer):
    text = GRAVITON.replace("0xd40", "0xabc").replace("0x41", "0x7f")
    hardware = computer({"proc/cpuinfo": text})
    assert (hardware.model, hardware.vendor) == ("ARM part 0xabc", "unknown")


@pytest.mark.parametrize(
    ("allowed", "cores"), [("0-7", 8), ("2,5-6", 3), ("0-127", 8), ("7", 1)]
)
def test_affinity_counts_only_cores_that_are_online(computer, allowed, cores):
    hardware = computer({"proc/self/status": f"Cpus_allowed_list:\t{allowed}\n"})
    assert (hardware.cores, hardware.host_cores) == (cores, 8)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("20000 100000", 1),
        ("9900000 100000", 8),
    ],
)
def test_a_version_2_quota_limits_the_cores(computer, quota, cores):
    hardware = computer(
        {
            "proc/self/mountinfo": VERSION_2,
            "proc/self/cgroup": "0::/job\n",
            "sys/fs/cgroup/job/cpu.max": f"{quota}\n",
        }
    )
    assert hardware.cores == cores


@pytest.mark.parametrize(("inner", "outer"), [("3", "5"), ("5", "3"), ("max", "3")])
def test_the_tightest_of_nested_groups_counts(computer, inner, outer):
    def quota(cores):
        return "max 100000" if cores == "max" else f"{int(cores) * 50_000} 50000"

    def size(gib):
        return gib if gib == "max" else int(gib) * GIB

    hardware = computer(
        {
            "proc/self/mountinfo": VERSION_2,
            "proc/self/cgroup": "0::/user.slice/job.scope\n",
            "sys/fs/cgroup/user.slice/job.scope/cpu.max": quota(inner),
            "sys/fs/cgroup/user.slice/cpu.max": quota(outer),
            "sys/fs/cgroup/user.slice/job.scope/memory.max": size(inner),
            "sys/fs/cgroup/user.slice/memory.max": size(outer),
        }
    )
    assert hardware.cores == 3
    assert hardware.memory_total == hardware.memory_available == 3 * GIB


def test_available_memory_is_the_limit_less_use_that_is_not_cache(computer):
    hardware = computer(
        {
            "proc/self/mountinfo": VERSION_2,
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": 4 * GIB,
            "sys/fs/cgroup/memory.current": 3 * GIB,
            "sys/fs/cgroup/memory.stat": (
                f"anon {GIB}\ninactive_file {GIB}\nactive_file {GIB // 2}\n"
            ),
        }
    )
    assert hardware.memory_total == 4 * GIB
    assert hardware.memory_available == 2.5 * GIB


def test_a_full_outer_group_leaves_nothing_to_a_roomy_inner_one(computer):
    hardware = computer(
        {
            "proc/self/mountinfo": VERSION_2,
            "proc/self/cgroup": "0::/outer/inner\n",
            "sys/fs/cgroup/outer/memory.max": 6 * GIB,
            "sys/fs/cgroup/outer/memory.current": 7 * GIB,
            "sys/fs/cgroup/outer/inner/memory.max": 2 * GIB,
            "sys/fs/cgroup/outer/inner/memory.current": 0,
        }
    )
    assert hardware.memory_total == 2 * GIB
    assert hardware.memory_available == 0


def test_memory_high_is_a_limit_as_well(computer):
    hardware = computer(
        {
            "proc/self/mountinfo": VERSION_2,
            "proc/self/cgroup": "0::/job\n",
            "sys/fs/cgroup/job/memory.max": "max",
            "sys/fs/cgroup/job/memory.high": 1 * GIB,
        }
    )
    assert hardware.memory_available == 1 * GIB


def test_version_1_limits_are_read_from_each_controllers_tree(computer):
    hardware = computer(
        {
            "proc/self/mountinfo": VERSION_1,
            "proc/self/cgroup": "5:memory:/box/a\n3:cpu,cpuacct:/box\n0::/\n",
            "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/box/a/memory.limit_in_bytes": "9223372036854771712",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": 2 * GIB,
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": 1 * GIB,
            "sys/fs/cgroup/memory/box/memory.stat": (
                f"inactive_file 0\ntotal_inactive_file {GIB // 4}\n"
            ),
        }
    )
    assert hardware.cores == 3
    assert hardware.memory_total == 2 * GIB
    assert hardware.memory_available == 1.25 * GIB


def test_how_version_1_writes_no_limit_is_no_limit(computer, tmp_path):
    computer(
        {
            "proc/self/mountinfo": VERSION_1,
            "proc/self/cgroup": "5:memory:/\n3:cpu,cpuacct:/\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        }
    )
    assert read_cgroup_limits(tmp_path) == CgroupLimits(None, None, None)


@pytest.mark.parametrize(
    ("mount_root", "own"),
    [("/docker/abc", "/docker/abc"), ("/", "/../../other"), ("/docker/abc", "/")],
)
def test_a_container_finds_its_limits_at_its_own_top(computer, mount_root, own):
    mounts = VERSION_1.replace(" / ", f" {mount_root} ")
    hardware = computer(
        {
            "proc/self/mountinfo": mounts,
            "proc/self/cgroup": f"5:memory:{own}\n3:cpu,cpuacct:{own}\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "50000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": 1 * GIB,
        }
    )
    assert (hardware.cores, hardware.memory_total) == (2, 1 * GIB)


def test_without_linux_files_the_library_and_psutil_answer(tmp_path):
    hardware = read_hardware(tmp_path)
    assert hardware.cores == hardware.host_cores == os.cpu_count()
    assert hardware.memory_total == psutil.virtual_memory().total
    assert (hardware.l2_cache, hardware.numa_nodes) == (0, 1)
    assert hardware.model
    assert hardware.vendor


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs affinity")
def test_a_process_pinned_to_one_core_sees_one():
    program = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "from bert_cpu.hardware.cpu import read_hardware; print(read_hardware().cores)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "1\n"


def test_describing_imports_no_heavy_library():
    program = (
        "import sys; from bert_cpu.hardware import describe, fit, profile;"
        "from bert_cpu.hardware.cpu import read_hardware; read_hardware();"
        "print({'tensorflow', 'keras', 'transformers', 'numpy', 'psutil'}"
        " & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    # psutil is only asked where Linux's files are missing.
    assert answer.stdout == ("set()\n" if sys.platform == "linux" else "{'psutil'}\n")


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
        # Too few examples for all, or more threads than were measured.
        (4, 7, 1, "4"),
        (2, 1, 1, "2"),
        (8, 32, 1, "8"),
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

    # Up to four threads compute parts of a batch, and need no pool within operations.
    (side_by_side_of_5, all_of_5), (side_by_side_of_7, all_of_7) = count(5), count(7)
    assert (side_by_side_of_5, side_by_side_of_7) == (5, 7)
    assert all_of_7 - all_of_5 == 2 * 2  # Two more in each pool.
    side_by_side_of_3, all_of_3 = count(3)
    assert side_by_side_of_3 == 3
    assert all_of_5 - all_of_3 == 2 + 4


# Published counts: transformers' `BertModel.num_parameters()` of each checkpoint.
@pytest.mark.parametrize(
    ("shape", "published"),
    [
        (BERT_BASE, 109_482_240),  # bert-base-uncased
        (EncoderShape(21128, 768, 12, 12, 3072, 512), 102_267_648),  # -chinese
        (EncoderShape(30522, 1024, 24, 16, 4096, 512), 335_141_888),  # -large
        (EncoderShape(30522, 128, 2, 2, 512, 512), 4_385_920),  # bert-tiny
        (MINILM, 22_713_216),  # all-MiniLM-L6-v2
    ],
)
def test_parameters_are_those_of_published_checkpoints(shape, published):
    assert shape.parameters == published


def test_parameters_are_the_sizes_of_all_tensors_of_a_checkpoint():
    vocab, hidden, layers, intermediate, positions, segments = 11, 6, 3, 10, 7, 4
    tables = [(vocab, hidden), (positions, hidden), (segments, hidden)]
    norm = [(hidden,), (hidden,)]
    square = [(hidden, hidden), (hidden,)]
    widen = [(intermediate, hidden), (intermediate,)]
    narrow = [(hidden, intermediate), (hidden,)]
    block = 4 * square + norm + widen + narrow + norm
    tensors = tables + norm + layers * block + square  # The last is the pooler.
    shape = EncoderShape(vocab, hidden, layers, 2, intermediate, positions, segments)
    assert shape.parameters == sum(map(math.prod, tensors))


def test_freezing_takes_the_embeddings_with_the_lowest_layer():
    assert BERT_BASE.trainable_share(0) == 1
    # 12 blocks of 7,087,872 and a pooler of 590,592; embeddings 23,837,184.
    left = (10 * 7_087_872 + 590_592) / 109_482_240
    assert BERT_BASE.trainable_share(2) == pytest.approx(left)


CONFIG = {
    "model_type": "bert",
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}


def write_config(directory, **changes):
    path = directory / "config.json"
    config = {key: v for key, v in (CONFIG | changes).items() if v is not None}
    path.write_text(json.dumps(config))
    return path


def test_a_config_is_read_with_and_without_what_may_be_left_out(tmp_path):
    assert read_encoder_shape(write_config(tmp_path)) == MINILM
    google = write_config(tmp_path, model_type=None, type_vocab_size=None)
    assert read_encoder_shape(google) == MINILM
    named = write_config(tmp_path, id2label={"0": "a", "1": "b", "2": "c"})
    assert read_encoder_shape(named).num_labels == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gpt2"}, "a model of type 'gpt2', but only bert"),
        ({"model_type": ["bert"]}, r"a model of type \['bert'\], but only bert"),
        ({"hidden_size": None, "vocab_size": None}, "lacks vocab_size, hidden_size"),
        ({"hidden_size": "384"}, 'hidden_size is "384", but it must be a whole'),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0, but it must be"),
        ({"vocab_size": -1}, "vocab_size is -1, but it must be"),
        ({"vocab_size": True}, "vocab_size is true, but it must be"),
        ({"vocab_size": 10**12}, "vocab_size is 1000000000000, but it must be"),
        ({"hidden_size": 384.5}, "hidden_size is 384.5, but it must be"),
        ({"num_attention_heads": 5}, "num_attention_heads 5, but the heads must"),
    ],
)
def test_a_config_of_no_possible_bert_is_refused(tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as error:
        read_encoder_shape(write_config(tmp_path, **changes))
    assert "\n" not in str(error.value)
    assert "config.json" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1]", "holds a JSON list, not an object"),
    ],
)
def test_a_file_without_a_config_is_refused(tmp_path, content, message):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_encoder_shape(path)


def test_a_missing_config_is_refused(tmp_path):
    with pytest.raises(UserError, match="can't be read \\(No such file"):
        read_encoder_shape(tmp_path / "config.json")


# Peak resident MiB of a process that trained these layers for three steps with
# clipping and Adam, TensorFlow 2.21: dtype, blocks, batch, length, hidden size.
@pytest.mark.parametrize(
    ("dtype", "blocks", "batch_size", "length", "hidden_size", "measured"),
    [
        ("float32", 6, 32, 128, 384, 2790),
        ("float32", 3, 32, 128, 384, 1989),
        ("float32", 6, 16, 128, 384, 1889),
        ("float32", 6, 8, 384, 384, 3202),
        ("float32", 4, 8, 128, 768, 2008),
        ("bfloat16", 6, 32, 128, 384, 2246),
        ("bfloat16", 6, 8, 384, 384, 2612),
        ("bfloat16", 4, 8, 128, 768, 1892),
    ],
)
def test_the_estimate_is_near_measured_peaks(
    dtype, blocks, batch_size, length, hidden_size, measured
):
    heads = hidden_size // 32
    shape = EncoderShape(30522, hidden_size, blocks, heads, 4 * hidden_size, 512)
    estimate = estimate_training_memory(shape, batch_size, length, dtype=dtype)
    assert estimate.total / (1 << 20) == pytest.approx(measured, rel=0.15)


# In C++, by TensorFlow 2.21 on AVX512-BF16, with bench/ours/training.py.
@pytest.mark.parametrize(
    ("shape", "batch_size", "length", "measured"),
    [
        (MINILM, 8, 128, 1333),
        (MINILM, 8, 512, 1551),
        (BERT_BASE, 8, 128, 3103),
    ],
)
def test_the_estimate_of_training_in_cpp_is_near_measured_peaks(
    shape, batch_size, length, measured
):
    estimate = estimate_training_memory(
        shape, batch_size, length, dtype="bfloat16", is_native=True
    )
    assert estimate.total / (1 << 20) == pytest.approx(measured, rel=0.1)


def test_in_cpp_memory_grows_with_the_length_and_not_with_its_square():
    def activations(length, **options):
        shape = dataclasses.replace(MINILM, max_position_embeddings=length)
        return estimate_training_memory(
            shape, 8, length, dtype="bfloat16", is_native=True, **options
        ).activations

    assert activations(1024) == 2 * activations(512)
    # Three of six blocks, and the one that is being differentiated.
    frozen = activations(512, trainable_share=MINILM.trainable_share(3))
    assert frozen == activations(512) * 4 // 7


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        (MINILM, {}, True),
        (MINILM, {"threads": 1}, True),
        (MINILM, {"threads": 8}, False),  # They share out each operation.
        (MINILM, {"dtype": "float32"}, False),
        (dataclasses.replace(MINILM, intermediate_size=1500), {}, False),
        (dataclasses.replace(MINILM, num_attention_heads=16), {}, False),
    ],
)
def test_what_will_be_trained_in_cpp(computer, monkeypatch, shape, options, expected):
    profile = choose_profile(computer({}), **{"threads": 2, **options})
    monkeypatch.setattr(
        "bert_cpu.hardware.trains_natively.why_no_training_library", lambda: None
    )
    assert trains_natively(shape, profile) == expected
    monkeypatch.setattr(
        "bert_cpu.hardware.trains_natively.why_no_training_library", lambda: "none"
    )
    assert not trains_natively(shape, profile)


def test_each_setting_moves_its_own_part_of_the_estimate():
    def estimate(batch_size=32, length=128, **options):
        return estimate_training_memory(MINILM, batch_size, length, **options)

    plain = estimate()
    weights = 4 * (22_713_216 + 2 * 385)
    assert plain.weights == weights
    assert estimate(ema=True).optimizer - plain.optimizer == weights
    assert estimate(accumulate=True).gradients - plain.gradients == weights
    # What it brings, and half of what two get.
    assert estimate(num_workers=2).gradients - plain.gradients == weights * 3 // 2
    assert estimate(batch_size=64).activations == 2 * plain.activations
    # Attention's part grows with the square.
    assert estimate(length=256).activations > 2 * plain.activations
    assert estimate(dtype="bfloat16").activations < plain.activations
    assert estimate(dtype="bfloat16").weights == plain.weights
    frozen = estimate(trainable_share=MINILM.trainable_share(3))
    # Three of six blocks, and the one that is being differentiated.
    assert frozen.activations == plain.activations * 4 // 7
    assert frozen.weights == plain.weights


def test_answering_needs_a_fraction_of_training():
    int8 = estimate_inference_memory(MINILM, 1, 128, dtype="int8")
    # 87 MB were measured for this model.
    assert int8.total == pytest.approx(87e6, rel=0.1)
    float32 = estimate_inference_memory(MINILM, 1, 128)
    assert int8.total < float32.total < 250e6
    assert float32.gradients == float32.optimizer == 0


def test_an_estimate_reads_as_one_line():
    estimate = MemoryEstimate(87_000_000, 0, 5_400_000, 1_250_000_000, 600_000_000)
    assert estimate.total == 1_942_400_000
    assert str(estimate) == (
        "1.9 GB (weights 87 MB, optimizer 5 MB, activations 1.2 GB, runtime 600 MB)"
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 MB"), (999_400_000, "999 MB"), (999_600_000, "1.0 GB")],
)
def test_sizes_never_read_as_a_thousand_megabytes(size, text):
    assert format_bytes(size) == text


def test_training_that_does_not_fit_is_refused_with_what_would_help(computer):
    hardware = computer({})  # 12 GiB available.
    big_batch = estimate_training_memory(BERT_BASE, 256, 512)
    with pytest.raises(UserError, match=r"but 12\.9 GB are available. Lower --batch"):
        check_training_memory(big_batch, hardware)
    check_training_memory(estimate_training_memory(BERT_BASE, 1, 512), hardware)


def test_a_model_too_big_for_any_batch_gets_other_advice(computer):
    hardware = computer({"proc/meminfo": "MemTotal: 999 kB\nMemAvailable: 999 kB\n"})
    estimate = estimate_training_memory(MINILM, 1, 16)
    with pytest.raises(UserError, match="1 MB are available. Choose a smaller"):
        check_training_memory(estimate, hardware)


def test_each_worker_needs_memory_of_its_own(computer):
    hardware = computer({})
    estimate = estimate_training_memory(MINILM, 32, 128)
    check_training_memory(estimate, hardware, workers=4)
    with pytest.raises(UserError, match="in 8 processes"):
        check_training_memory(estimate, hardware, workers=8)


def test_the_description_ends_with_choices_and_what_fits(computer):
    hardware = computer(
        {"proc/meminfo": "MemTotal: 2000000 kB\nMemAvailable: 999999 kB"}
    )
    profile = choose_profile(hardware)
    text = describe_hardware(hardware, profile, fit_model("a/b", MINILM, profile))
    lines = text.splitlines()
    assert {line[12:14] for line in lines} == {"  "}  # Aligned, values from 14 on.
    assert all(line[14] != " " for line in lines)
    values = {line.split()[0]: line[14:] for line in lines}
    assert values["processor"] == "Intel(R) Xeon(R) Platinum 8481C (GenuineIntel)"
    assert values["memory"] == "1.0 GB available of 2.0 GB"
    assert values["caches"] == "L2 2 MiB, L3 105 MiB"
    assert list(values)[-5:] == ["will", "because", "encoder", "training", "answering"]
    assert "bfloat16, 8 threads, oneDNN on" in values["will"]
    assert values["because"] == profile.why
    assert values["encoder"] == "a/b, 22,713,216 parameters"
    assert values["training"].startswith("does not fit: ")
    assert values["answering"].startswith("fits: one text, length 128")


def test_a_description_without_an_encoder_says_nothing_of_fitting(computer):
    hardware = computer({})
    text = describe_hardware(hardware, choose_profile(hardware))
    assert "fit" not in text


def test_json_says_the_same_and_can_be_written(computer):
    hardware = computer({})
    profile = choose_profile(hardware)
    fits = fit_model("a/b", MINILM, profile, batch_size=4096)
    answer = json.loads(json.dumps(hardware_json(hardware, profile, fits)))
    assert answer["hardware"]["memory_available"] == 12 * GIB
    assert answer["profile"]["environment"]["OMP_NUM_THREADS"] == "8"
    assert answer["model"]["training"]["fits"] is False
    assert answer["model"]["training"]["total"] == fits.training.total
    assert answer["model"]["answering"]["fits"] is True
    assert "model" not in hardware_json(hardware, profile)


def test_a_short_encoder_is_asked_no_longer_texts_than_it_has_positions(computer):
    short = EncoderShape(100, 8, 1, 2, 16, 64)
    assert fit_model("a", short, choose_profile(computer({}))).length == 64

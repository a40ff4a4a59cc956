"""What is read of a computer: its processor, its memory and what limits it."""

import os
import subprocess
import sys

import psutil
import pytest
from made_up_computer import GIB, GRAVITON, VERSION_1, VERSION_2

from bert_cpu.hardware.cgroup import CgroupLimits, read_cgroup_limits
from bert_cpu.hardware.cpu import read_hardware


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

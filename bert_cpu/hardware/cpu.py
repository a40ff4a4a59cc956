"""What this computer has that matters to BERT: cores, instructions, memory."""

import dataclasses
import math
import os
import types
from pathlib import Path

from bert_cpu.hardware.cgroup import read_cgroup_limits
from bert_cpu.hardware.kernel_files import parse_kernel_list, read_kernel_file

# Instructions that matrix products use, as Linux spells them, oldest first.
SIMD_FLAGS = (
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_bf16",
    "amx_int8",
    "neon",
    "asimd",
    "bf16",
    "i8mm",
    "sve",
)

# ARM processors report numbers. These are the makers and cores of servers, single
# boards and laptops, from the "Main ID Register" pages of their manuals.
_ARM_VENDORS = {
    0x41: "ARM",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x51: "Qualcomm",
    0x61: "Apple",
    0xC0: "Ampere",
}
_ARM_CORES = {
    0xD03: "Cortex-A53",
    0xD08: "Cortex-A72",
    0xD0B: "Cortex-A76",
    0xD0C: "Neoverse-N1",
    0xD40: "Neoverse-V1",
    0xD49: "Neoverse-N2",
    0xD4F: "Neoverse-V2",
}


@dataclasses.dataclass(frozen=True)
class Hardware:
    """One computer, as this process may use it. Sizes are in bytes."""

    model: str
    vendor: str
    # Cores that this process may use: its affinity and its cgroups' time.
    cores: int
    # Logical cores of the whole machine.
    host_cores: int
    threads_per_core: int
    numa_nodes: int
    # Those of SIMD_FLAGS that are there, in its order.
    simd: tuple[str, ...]
    # Of the machine, or of the cgroup that allows less.
    memory_total: int
    # What can still be used without swapping or being killed.
    memory_available: int
    # Size of one cache of that level; 0 where it isn't known.
    l2_cache: int
    l3_cache: int


def read_hardware(root: Path = Path("/")) -> Hardware:
    """Looks at the computer, below `root`.

    Args:
        root: directory that holds `proc` and `sys`. Another than `/` in tests.

    Returns:
        Hardware. What Linux's files don't tell (on macOS: all of it) is asked of
        the standard library and psutil.
    """
    cpuinfo = _read_cpuinfo(root)
    online = _listed(root / "sys/devices/system/cpu/online")
    host_cores = len(online) or os.cpu_count() or 1
    limits = read_cgroup_limits(root)
    memory_total, memory_available = _memory(root)
    if limits.memory is not None and limits.memory_available is not None:
        memory_total = min(memory_total, limits.memory)
        memory_available = min(memory_available, limits.memory_available)
    cores = _allowed_cores(root, online) or host_cores
    if limits.cores is not None:
        # One and a half is two: both run, then wait out the rest of the period,
        # and do more than one that never waits.
        cores = min(cores, max(1, math.ceil(limits.cores)))
    siblings = _listed(_first_core(root) / "topology/thread_siblings_list")
    nodes = _listed(root / "sys/devices/system/node/online")
    return Hardware(
        model=_model(cpuinfo),
        vendor=cpuinfo.get("vendor_id") or _arm_vendor(cpuinfo) or "unknown",
        cores=cores,
        host_cores=host_cores,
        threads_per_core=len(siblings) or 1,
        numa_nodes=len(nodes) or 1,
        simd=_simd(cpuinfo),
        memory_total=memory_total,
        memory_available=memory_available,
        l2_cache=_cache(root, level=2),
        l3_cache=_cache(root, level=3),
    )


def _read_cpuinfo(root: Path) -> dict[str, str]:
    """The fields of the first processor, keys in lower case."""
    lines = read_kernel_file(root / "proc/cpuinfo").splitlines()
    pairs = (line.partition(":")[::2] for line in reversed(lines))
    # Reversed, so that the first processor's value is the one that stays.
    return {key.strip().lower(): value.strip() for key, value in pairs}


def _model(cpuinfo: dict[str, str]) -> str:
    if "model name" in cpuinfo:
        return cpuinfo["model name"]
    if "cpu part" in cpuinfo:
        part = cpuinfo["cpu part"]
        return _ARM_CORES.get(_hex(part), f"ARM part {part}")
    return _platform().processor() or _platform().machine() or "unknown"


def _arm_vendor(cpuinfo: dict[str, str]) -> str | None:
    return _ARM_VENDORS.get(_hex(cpuinfo.get("cpu implementer", "")))


def _simd(cpuinfo: dict[str, str]) -> tuple[str, ...]:
    found = set((cpuinfo.get("flags") or cpuinfo.get("features") or "").split())
    if (
        not found and _platform().machine() == "arm64"
    ):  # macOS; each of its ARMs has it.
        found = {"asimd"}
    return tuple(flag for flag in SIMD_FLAGS if flag in found)


def _platform() -> types.ModuleType:
    import platform  # It takes a millisecond, and Linux has told all before.

    return platform


def _allowed_cores(root: Path, online: set[int]) -> int:
    """How many of the cores that are on may run this process; 0: nothing tells."""
    for line in read_kernel_file(root / "proc/self/status").splitlines():
        if line.startswith("Cpus_allowed_list:"):
            # A virtual machine also lists cores that it doesn't have yet.
            return len(parse_kernel_list(line.partition(":")[2]) & online)
    # Some sandboxes leave the line out, but answer the call.
    if root == Path("/") and hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return 0


def _memory(root: Path) -> tuple[int, int]:
    """Bytes of the machine: (total, available)."""
    lines = read_kernel_file(root / "proc/meminfo").splitlines()
    fields = {key: value.split() for key, _, value in (x.partition(":") for x in lines)}
    if "MemTotal" in fields and "MemAvailable" in fields:
        total, available = (fields[key][0] for key in ("MemTotal", "MemAvailable"))
        return int(total) * 1024, int(available) * 1024
    import psutil

    memory = psutil.virtual_memory()
    return memory.total, memory.available


def _cache(root: Path, level: int) -> int:
    for index in sorted((_first_core(root) / "cache").glob("index*")):
        size = read_kernel_file(index / "size").strip()  # 512K
        if read_kernel_file(index / "level").strip() == str(level) and size:
            return int(size.removesuffix("K")) * 1024
    return 0


def _first_core(root: Path) -> Path:
    return root / "sys/devices/system/cpu/cpu0"


def _listed(path: Path) -> set[int]:
    return parse_kernel_list(read_kernel_file(path))


def _hex(text: str) -> int:
    return int(text, 16) if text else -1

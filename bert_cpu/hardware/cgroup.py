"""The limits that Linux control groups (so containers too) put on this process.

A container on a host with 64 cores may be allowed two of them and 4 GB, and the
usual counters still report the host's. The limits stand in files of a tree of
groups, and each group above this process's own limits it as well.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bert_cpu.hardware.kernel_files import read_kernel_file


@dataclasses.dataclass(frozen=True)
class CgroupLimits:
    """What the control groups of this process leave it; None: no limit."""

    # Cores' worth of time; 1.5 means 150 ms of computing in every 100 ms.
    cores: float | None
    # Bytes, of the tightest group.
    memory: int | None
    # Bytes until the first group is full; files that are only cached count as free.
    memory_available: int | None


def read_cgroup_limits(root: Path = Path("/")) -> CgroupLimits:
    """Reads the limits of versions 1 and 2, of all groups above this process.

    Args:
        root: directory that holds `proc` and `sys`. Another than `/` in tests.

    Returns:
        CgroupLimits. All None where there are no control groups (not Linux).
    """
    cores: list[float] = []
    limits: list[int] = []
    available: list[int] = []
    for group in _groups(root, "cpu"):
        cores += _quota(group)
    for group in _groups(root, "memory"):
        for limit in _memory_limits(group):
            limits.append(limit)
            available.append(max(0, limit - _memory_in_use(group)))
    return CgroupLimits(
        cores=min(cores, default=None),
        memory=min(limits, default=None),
        memory_available=min(available, default=None),
    )


def _quota(group: Path) -> list[float]:
    """Cores' worth of time that this group allows: no item or one."""
    quota, *rest = (
        _words(group / "cpu.max") or _words(group / "cpu.cfs_quota_us") or [""]
    )
    period = rest or _words(group / "cpu.cfs_period_us")
    # "max" in version 2 and -1 in version 1 stand for no limit.
    if quota.isdecimal() and period and period[0].isdecimal() and int(period[0]):
        return [int(quota) / int(period[0])]
    return []


def _memory_limits(group: Path) -> list[int]:
    # A group over memory.high isn't killed, but slowed until it is of no use.
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    words = [word for name in names for word in _words(group / name)]
    # Version 1 writes no limit as the largest number of whole pages.
    return [int(word) for word in words if word.isdecimal() and int(word) < 1 << 62]


def _memory_in_use(group: Path) -> int:
    """Bytes charged to `group` that the kernel can't take back by itself."""
    used = _words(group / "memory.current") or _words(group / "memory.usage_in_bytes")
    words = _words(group / "memory.stat")
    stat = dict(zip(words[::2], words[1::2], strict=False))
    # Version 1 counts a group without its children, and with them as "total_".
    cached = sum(
        int(stat.get(f"total_{name}", stat.get(name, "0")))
        for name in ("active_file", "inactive_file")
    )
    return max(0, int(used[0]) - cached) if used else 0


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yields the directory of each group that holds this process, innermost first."""
    for mount_root, mount_point, is_mounted_for in _mounts(root):
        for line in read_kernel_file(root / "proc/self/cgroup").splitlines():
            hierarchy, controllers, own = line.split(":", 2)
            is_version_2 = hierarchy == "0" and not controllers
            names = ["cgroup2"] if is_version_2 else controllers.split(",")
            if not set(names) & is_mounted_for & {"cgroup2", controller}:
                continue
            top = root / mount_point.lstrip("/")
            try:
                inside = PurePosixPath(own).relative_to(mount_root)
            except ValueError:
                # A container sees its own group mounted as the top, although
                # the path names it from the top of the host.
                inside = PurePosixPath()
            if ".." not in inside.parts:
                yield from (top / step for step in (inside, *inside.parents))
            else:
                yield top


def _mounts(root: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Yields (group at the top of the mount, mount point, its controllers)."""
    for line in read_kernel_file(root / "proc/self/mountinfo").splitlines():
        mount, _, filesystem = line.partition(" - ")
        kind, *_, options = filesystem.split() or [""]
        if kind == "cgroup2":
            yield mount.split()[3], mount.split()[4], {"cgroup2"}
        elif kind == "cgroup":
            yield mount.split()[3], mount.split()[4], set(options.split(","))


def _words(path: Path) -> list[str]:
    return read_kernel_file(path).split()

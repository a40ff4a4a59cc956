"""Which cores share a part of the memory, so that a process should keep to them."""

import os
from collections.abc import Set
from pathlib import Path

from bert_cpu.hardware.kernel_files import parse_kernel_list, read_kernel_file


def read_numa_nodes(
    allowed: Set[int] | None = None, root: Path = Path("/")
) -> list[list[int]]:
    """The cores that this process may use, by NUMA node.

    Args:
        allowed: the cores in question. Default: those that this process may use.
        root: directory that holds `sys`. Another than `/` in tests.

    Returns:
        A list of cores for each node that has any, in the order of the nodes. The
        hardware threads of one core stand side by side, so that a list cut in two
        does not cut a core. One node where Linux's files tell of none.
    """
    if allowed is None:
        allowed = os.sched_getaffinity(0)
    system = root / "sys/devices/system"
    numbers = parse_kernel_list(read_kernel_file(system / "node/online"))
    nodes = [
        parse_kernel_list(read_kernel_file(system / f"node/node{number}/cpulist"))
        for number in sorted(numbers)
    ]
    rest = set(allowed).difference(*nodes)
    found = [cores & allowed for cores in (*nodes, rest)]
    return [
        sorted(cores, key=lambda core: (_first_sibling(system, core), core))
        for cores in found
        if cores
    ]


def _first_sibling(system: Path, core: int) -> int:
    path = system / f"cpu/cpu{core}/topology/thread_siblings_list"
    return min(parse_kernel_list(read_kernel_file(path)), default=core)

"""How fast this computer's memory is: what it gives in a second, and how soon."""

import gc
import random

import numpy as np

from bert_cpu.hardware.best_seconds import best_seconds

# What a node of a chain takes with its header of the garbage collector, rounded up
# as Python's allocator does.
_NODE_BYTES = 48
_STEPS = 160_000
_STEPS_A_TURN = 16


class _Node:
    """Knows which node comes next."""

    __slots__ = ("next",)

    next: "_Node"


def memory_bandwidth(num_bytes: int = 1 << 27, num_tries: int = 10) -> float:
    """Bytes a second that one thread copies, read and written ones both counted.

    Args:
        num_bytes: of the array that is copied; larger than the caches, or it is
            their bandwidth. A processor's threads together may get more.
        num_tries: copies, of which the fastest counts.
    """
    source = np.ones(num_bytes // 8)
    target = np.empty_like(source)
    seconds = best_seconds(lambda: np.copyto(target, source), num_tries)
    return 2 * source.nbytes / seconds


def memory_latency(num_bytes: int, num_tries: int = 3) -> float:
    """Seconds from one place in memory to the next, if each tells only where that is.

    It follows a chain of small objects that lie in no order, so that nothing can be
    fetched ahead. Python's own work for a step is a few instructions, because a turn
    of its loop takes many steps, and a processor does them while it waits for memory.
    So there is nothing to take off: with one step a turn, caches would answer within
    the turn and not be seen, and memory's latency less a turn would be too short.
    Where the first cache holds the chain (16 KiB), a step takes 2 or 3 ns, about half
    of which is Python's.

    Args:
        num_bytes: of the chain.
        num_tries: walks, of which the fastest counts.
    """
    num_nodes = max(2, num_bytes // _NODE_BYTES)
    was_enabled = gc.isenabled()
    gc.disable()  # It would walk over the chain again and again while that grows.
    try:
        nodes = [_Node() for _ in range(num_nodes)]
        order = list(range(num_nodes))
        random.Random(0).shuffle(order)
        for here, there in zip(order, order[1:] + order[:1], strict=True):
            nodes[here].next = nodes[there]
        seconds = best_seconds(_Walk(nodes[0]), num_tries)
        for node in nodes:
            del node.next  # A long chain that goes at once would go too deep.
    finally:
        if was_enabled:
            gc.enable()
    return seconds / _STEPS


class _Walk:
    """Takes so many steps, each time from where it stands."""

    def __init__(self, node: _Node):
        self._node = node

    def __call__(self) -> None:
        node = self._node
        for _ in range(_STEPS // _STEPS_A_TURN):
            node = node.next.next.next.next.next.next.next.next
            node = node.next.next.next.next.next.next.next.next
        self._node = node

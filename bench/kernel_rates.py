"""How fast the fastest of several kernels is: one of this machine's limits."""

import time
from collections.abc import Callable, Mapping
from typing import Any

# Of the side of square matrices: large enough that a kernel reaches its peak, small
# enough that an emulated one ends.
MATRIX_SIZES = (1024, 2048)
# Three arrays of 64 MiB: no cache holds them.
TRIAD_FLOATS = 1 << 24
# A kernel that takes longer is not tried again: emulated, it is no limit.
_PATIENCE_SECONDS = 1.0

# A kernel's name -> what runs it once, and its operations or bytes.
Kernels = Mapping[str, tuple[Callable[[], object], float]]


class KernelRates:
    """Runs each kernel a few times and keeps each one's best.

    Args:
        kernels: of one kind, such as all float32 products.
    """

    def __init__(self, kernels: Kernels):
        self._kernels = dict(kernels)

    def check(self) -> dict[str, Any]:
        return {}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        """The amount is the rate of the best kernel, in units of 10^9 a second."""
        rates = {
            name: max(_rate(*kernel) for _ in range(count))
            for name, kernel in self._kernels.items()
        }
        best = max(rates, key=lambda name: rates[name], default=None)
        return (rates[best] if best else 0.0), {"kernel": best, "rates": rates}


def _rate(kernel: Callable[[], object], amount: float) -> float:
    start = time.perf_counter()
    kernel()
    first = time.perf_counter() - start
    if first > _PATIENCE_SECONDS:
        return amount / first / 1e9
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        kernel()
        seconds.append(time.perf_counter() - start)
    return amount / min(seconds) / 1e9

"""The energy that the processor took, where Linux tells it."""

from pathlib import Path

from bert_cpu.hardware.kernel_files import read_kernel_file

# A processor's own counters. Their parts (cores, memory) are below each of them and
# not counted again.
_PACKAGES = "sys/class/powercap/intel-rapl:[0-9]*"


class EnergyMeter:
    """Counts from when it is made. Most virtual machines hide the counters.

    Intel's and AMD's processors have them ("RAPL"), of the whole package: what other
    programs do meanwhile counts as well. Many systems let only root read them.

    Args:
        root: of the file system.
    """

    def __init__(self, root: Path = Path("/")):
        self._counters = [
            path
            for path in sorted(root.glob(_PACKAGES))
            if path.name.count(":") == 1 and _read(path / "energy_uj") is not None
        ]
        self._start = [_read(path / "energy_uj") or 0 for path in self._counters]

    @property
    def is_readable(self) -> bool:
        return bool(self._counters)

    def joules(self) -> float | None:
        """Since the start, over all packages; None where nothing can be read.

        A counter that has passed its end (after minutes under load, at the soonest)
        is taken to have done so once.
        """
        if not self._counters:
            return None
        total = 0
        for path, start in zip(self._counters, self._start, strict=True):
            now = _read(path / "energy_uj")
            if now is None:
                return None
            if now < start:
                now += _read(path / "max_energy_range_uj") or 0
            total += now - start
        return total / 1e6


def _read(path: Path) -> int | None:
    text = read_kernel_file(path).strip()
    return int(text) if text.isdecimal() else None

"""Reading the small files below /proc and /sys."""

from pathlib import Path


def read_kernel_file(path: Path) -> str:
    """What `path` holds, or nothing where it is missing or can't be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def parse_kernel_list(ranges: str) -> set[int]:
    """The numbers that a kernel list such as "0-3,8" names."""
    numbers: set[int] = set()
    for part in filter(None, ranges.strip().split(",")):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return numbers

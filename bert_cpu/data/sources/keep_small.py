"""Small data is read from its file once, and then from memory."""

import dataclasses
from collections.abc import Iterator

from bert_cpu.data.sources.source import Source
from bert_cpu.example import Example
from bert_cpu.no_search_for_garbage import no_search_for_garbage

# Of the files. With as many examples at most, below a hundred MB of memory.
_MOST_BYTES = 16 * 2**20
_MOST_EXAMPLES = 100_000


def keep_small(source: Source) -> Source:
    """The same source; if it is small, it keeps all from the first whole reading.

    Args:
        source: it is small if it tells its size, and that is not large.
    """
    if not 0 < source.num_bytes <= _MOST_BYTES:
        return source
    return dataclasses.replace(source, mixed=_KeptReading(source))


class _KeptReading:
    def __init__(self, source: Source):
        self._source = source
        self._kept: list[tuple[str, Example]] | None = None

    def __call__(self) -> Iterator[tuple[str, Example]]:
        return self._read() if self._kept is None else iter(self._kept)

    def _read(self):
        kept: list[tuple[str, Example]] = []
        pairs = self._source.read()
        with no_search_for_garbage():
            for pair in pairs:
                kept.append(pair)
                yield pair
                if len(kept) > _MOST_EXAMPLES:
                    kept.clear()
                    break
            else:
                self._kept = kept
        yield from pairs

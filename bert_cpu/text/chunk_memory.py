"""The ids of texts' chunks, put together from those that were met before."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from tokenizers import Tokenizer

from bert_cpu.native.compiled import compiled
from bert_cpu.text.ascii_words import ascii_words

Learn = Callable[[list[str]], Sequence[Sequence[int]]]


def chunk_memory(most: int, longest: int, tokenizer: Tokenizer) -> Any:
    """A `PlainChunkMemory`, or where it was built the one in C++.

    That one gives the same, and reads new chunks of ASCII by itself.

    Args:
        most, longest: see `PlainChunkMemory`.
        tokenizer: whose ids are remembered; one that `parts_at_spaces`.
    """
    native = compiled()
    if native is None:
        return PlainChunkMemory(most, longest)
    words = ascii_words(tokenizer)
    return native.ChunkMemory(most, longest, *([] if words is None else [words]))


class PlainChunkMemory:
    """Remembers the ids of chunks, which are what stands between two spaces.

    Args:
        most: int. Chunks that are kept. Then all are forgotten, and it begins anew.
        longest: int. Characters (bytes, in C++) of a chunk that is kept.
    """

    def __init__(self, most: int, longest: int):
        self._most = most
        self._longest = longest
        self._known: dict[str, Sequence[int]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def read(self, texts: list[str], learn: Learn) -> list[list[int]]:
        """The ids of each text.

        Args:
            texts: list of str.
            learn: called with the chunks that are not known, each once. It gives the
                ids of each.

        Raises:
            UnicodeEncodeError, TypeError: if a text holds half of a surrogate pair,
                or is none. In Python it is left to `learn` to find that out.
        """
        chunked = [_spaced(text).split(" ") for text in texts]
        known = self._known
        new = list(set(itertools.chain.from_iterable(chunked)).difference(known))
        known.update(dict(zip(new, map(tuple, learn(new)), strict=True)))
        ids_of = known.__getitem__
        join = itertools.chain.from_iterable
        read = [list(join(map(ids_of, chunks))) for chunks in chunked]
        if len(known) > self._most:
            known.clear()
        else:
            for chunk in new:
                if len(chunk) > self._longest:
                    del known[chunk]
        return read


def _spaced(text):
    """With a space for what the normalizer makes one of, whatever else it does."""
    return text.replace("\n", " ").replace("\t", " ").replace("\r", " ")

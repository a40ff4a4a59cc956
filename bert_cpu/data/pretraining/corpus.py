"""All documents that a model is pre-trained on, and those that are held out."""

import hashlib
import heapq
from collections.abc import Callable, Iterator

from bert_cpu.errors import UserError

# One document in so many is held out.
_HELD_OUT = 20


class Corpus:
    """Documents in two splits, read anew each time, in constant memory.

    A document's own hash tells whether it is held out. So one that comes twice is
    in one split both times, and documents that are added later move none of the
    others. Of a corpus too small for that, those with the least hashes are.

    Args:
        name: str. Where the documents come from, for messages and manifests.
        open_documents: starts at the first document, and gives lists of sentences.
        num_held_out: int. How many documents to hold out at least. Two, where a
            sentence is paired with one of another document.

    Attributes:
        num_documents: dict of int, by split; those without text are left out.
        num_empty: int. How many those are.

    Raises:
        UserError: if no document has text, or there are too few of them.
    """

    def __init__(
        self,
        name: str,
        open_documents: Callable[[], Iterator[list[str]]],
        num_held_out: int = 2,
    ):
        self.name = name
        self.num_empty = 0
        self.num_documents = {"train": 0, "validation": 0}
        self._open = open_documents
        self._also_held_out: set[int] = set()
        self._survey(num_held_out)

    def documents(self, split: str) -> Iterator[list[str]]:
        """The documents of train or validation, as lists of sentences."""
        for document in self._open():
            if document and self._split_of(_hash(document)) == split:
                yield document

    def sentences(self, split: str) -> Iterator[str]:
        """The sentences of `documents(split)`."""
        for document in self.documents(split):
            yield from document

    def _survey(self, num_held_out):
        """Counts, and finds what to hold out if too few hashes fall so."""
        least = {"train": _Least(2 * num_held_out), "validation": _Least(num_held_out)}
        for document in self._open():
            if not document:
                self.num_empty += 1
                continue
            digest = _hash(document)
            split = self._split_of(digest)
            self.num_documents[split] += 1
            least[split].add(digest)
        total = sum(self.num_documents.values())
        if not total:
            # Blank lines of a .txt file hold no documents that could be counted.
            count = f" ({self.num_empty:,} are empty)" if self.num_empty else ""
            raise UserError(
                f"'{self.name}' has no document with text in it{count}. Give plain "
                "text, and name its column if it has columns."
            )
        train, held_out = least["train"].values, least["validation"].values
        if len(train) + len(held_out) < 2 * num_held_out:
            raise UserError(
                f"'{self.name}' has {total:,} documents, but at least "
                f"{2 * num_held_out} different ones are needed, as some are held out. "
                "Put blank lines between documents, or say --one-per-line."
            )
        if len(held_out) < num_held_out:
            self._also_held_out = set(train[: num_held_out - len(held_out)])
            for split in self.num_documents:
                self.num_documents[split] = sum(1 for _ in self.documents(split))

    def _split_of(self, digest):
        is_held_out = digest % _HELD_OUT == 0 or digest in self._also_held_out
        return "validation" if is_held_out else "train"


class _Least:
    """The least few of all different numbers that were added."""

    def __init__(self, most: int):
        self._most = most
        self.values: list[int] = []

    def add(self, value: int) -> None:
        if value not in self.values:
            self.values = heapq.nsmallest(self._most, [*self.values, value])


def _hash(document: list[str]) -> int:
    text = "\n".join(document).encode()
    return int(hashlib.md5(text, usedforsecurity=False).hexdigest(), 16)

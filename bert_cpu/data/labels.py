"""The labels of a data set: how often each occurs, and which id it gets."""

import collections
import dataclasses
import hashlib
import math
from collections.abc import Mapping

from bert_cpu.data.lacks_label import lacks_label
from bert_cpu.data.sources.source import Source
from bert_cpu.data.stored_example import to_json
from bert_cpu.errors import UserError
from bert_cpu.task import Task

_HASHED_TOGETHER = 100


@dataclasses.dataclass(frozen=True)
class LabelCount:
    """What one split holds."""

    examples: int
    counts: collections.Counter[str]  # Label -> examples that have it.
    positions: dict[str, str]  # Label -> where the first of them is.
    sha256: str = ""  # Of all examples, in order.


def count_labels(source: Source, task: Task) -> dict[str, LabelCount]:
    """Reads all splits once, so that every mistake is found before any work.

    Returns:
        What each split holds, in the source's order.

    Raises:
        UserError: for the first row that can't be read.
    """
    counting = {split: _Counting() for split in source.splits}
    for split, example in source.read():
        counting[split].add(example, task)
    return {split: count.finish() for split, count in counting.items()}


def order_labels(
    source: Source, splits: Mapping[str, LabelCount], task: Task
) -> tuple[str, ...]:
    """The labels by id: the task's or the source's order, or numbers, or letters.

    Args:
        source: where the examples come from.
        splits: what each of its splits holds.
        task: what they are for.

    Raises:
        UserError: if a split is empty, has a label that training never sees, or
            the training split has fewer labels than the task needs.
    """
    for split, info in splits.items():
        if not info.examples:
            remedy = f", or a file of its own with --{split}"
            raise UserError(
                f"The {split} split of '{source.name}' is empty. Give more texts"
                f"{remedy if split != 'train' else ''}."
            )
    if not task.has_labels:
        return ()
    found = set(splits["train"].counts)
    for split, info in splits.items():
        unknown = sorted(set(info.counts) - found)
        if unknown:
            raise UserError(
                f"{info.positions[unknown[0]]} is in the {split} split and has the "
                f"label '{unknown[0]}', which training never sees (it has: "
                f"{_some(found)}). {task.when_unseen}."
            )
    if len(found) < task.least_labels:
        what = f"only the label '{next(iter(found))}'" if found else "no label"
        raise UserError(
            f"'{source.name}' has {what}, but two or more are needed. Is this the "
            "right column? Name it with --label."
        )
    ordered = task.order_labels(found)
    if ordered is not None:
        return ordered
    if source.labels is not None:
        return tuple(label for label in source.labels if label in found)
    return tuple(sorted(found, key=_as_number_or_text))


class _Counting:
    """The counts of a split, as far as it was read."""

    def __init__(self):
        self._examples = 0
        self._counts: collections.Counter[str] = collections.Counter()
        self._positions: dict[str, str] = {}
        self._digest = hashlib.sha256()
        # Together they are hashed faster than one by one.
        self._lines: list[str] = []

    def add(self, example, task):
        self._examples += 1
        self._lines.append(to_json(example))
        if len(self._lines) == _HASHED_TOGETHER:
            self._hash()
        if not task.has_labels or lacks_label(example, task):
            return
        for label in task.label_names(example):
            self._counts[label] += 1
            if label not in self._positions:
                self._positions[label] = example.position

    def finish(self):
        self._hash()
        return LabelCount(
            self._examples, self._counts, self._positions, self._digest.hexdigest()
        )

    def _hash(self):
        lines = "".join(f"{line}\n" for line in self._lines)
        self._digest.update(lines.encode("utf-8", "surrogatepass"))
        self._lines.clear()


def _as_number_or_text(label):
    try:
        number = float(label)
    except ValueError:
        number = math.nan
    # "nan" stands before and behind every number at once: it is a text.
    return (0, number, label) if math.isfinite(number) else (1, 0.0, label)


def _some(labels, most=8):
    shown = sorted(labels)[:most]
    return ", ".join(shown) + (", …" if len(labels) > most else "")

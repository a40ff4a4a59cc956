"""Examples from TensorFlow Datasets: our own data sets, and all others."""

import dataclasses
import functools
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from bert_cpu.data.sources.build_dataset import build_dataset
from bert_cpu.data.sources.carve_splits import carve_splits
from bert_cpu.data.sources.source import Reader, Source
from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.task import Task

_DEFAULTS = PrepareSettings()


def open_tfds(
    settings: PrepareSettings, task: Task, given: dict[str, Reader]
) -> Source:
    """Opens the data set that `settings.data` names, `tfds:NAME[/CONFIG]`.

    Where the settings leave the columns at their defaults and the data set has
    none so named, its only text and its only class (or list of classes) are taken.

    Args:
        settings: what to read, and the features that hold it.
        task: what the examples are for.
        given: the splits that come from files of their own.

    Returns:
        Source, with labels in the order of the data set's class ids.

    Raises:
        UserError: as `build_dataset`; if a feature or the train split is
            missing, or a feature is not what it must be.
    """
    builder = build_dataset(settings.data.removeprefix("tfds:"))
    columns = _Columns(builder.info.features, settings, task)
    train, named = _find_splits(builder, columns.label, given)
    read = functools.partial(_read, builder, columns.settings, columns.label, task)
    splits: dict[str, Reader] = {
        split: functools.partial(read, name) for split, name in named.items()
    }
    return carve_splits(
        settings.data,
        functools.partial(read, train),
        splits | given,
        columns.labels,
    )


class _Columns:
    """Which features of a data set are the text, its pair and the label.

    Attributes:
        settings: those given, with the names of features that were found.
        label: the feature that holds the label, or None if it has no classes.
        labels: the names of its classes by id, or None.
    """

    def __init__(self, features: Any, settings: PrepareSettings, task: Task):
        self._source = settings.data
        self._features = features
        self._task = task
        texts = [key for key in features if _is_text(features[key])]
        self.settings = dataclasses.replace(
            settings, text=self._choose(settings, "text", texts)
        )
        pair = task.column(settings, "text_pair")
        if pair is not None:
            self._choose(settings, "text_pair", texts)
        self.label, self.labels = None, None
        classes = [key for key in features if _classes_of(features[key]) is not None]
        if task.has_labels and (classes or not task.columns):
            self.label = self._choose(settings, "label", classes)
            self.labels = tuple(_classes_of(features[self.label]).names)
            self.settings = dataclasses.replace(self.settings, label=self.label)

    def _choose(self, settings: PrepareSettings, field: str, fitting: list[str]) -> str:
        wanted = self._task.column(settings, field)
        if wanted in fitting:
            return wanted
        is_default = getattr(settings, field) == getattr(_DEFAULTS, field)
        if is_default and len(fitting) == 1:
            return fitting[0]
        kind = "class" if field == "label" else "text"
        found = (
            f"has a '{wanted}' that is no {kind}"
            if wanted in self._features
            else f"has no '{wanted}'"
        )
        flag = "--" + field.replace("_", "-")
        raise UserError(
            f"'{self._source}' {found} (of this kind it has: "
            f"{', '.join(fitting) or 'none'}). Name one with {flag}, or another "
            "data set with --data."
        )


def _is_text(feature: Any) -> bool:
    is_scalar = isinstance(feature, tfds.features.Tensor) and feature.shape == ()
    return is_scalar and feature.tf_dtype.name == "string"


def _classes_of(feature: Any) -> Any:
    """The ClassLabel that a feature is, or is a list of; else None."""
    inner = getattr(feature, "feature", feature)
    return inner if isinstance(inner, tfds.features.ClassLabel) else None


def _find_splits(
    builder: Any, label: str | None, given: Collection[str]
) -> tuple[str, dict[str, str]]:
    """The split to train with, and what the data set has for the other two."""
    names = sorted(builder.info.splits)
    # A data set that was never split has one split, whatever it is called.
    train = "train" if "train" in names else names[0]
    if train != "train" and len(names) > 1:
        raise UserError(
            f"'tfds:{builder.name}' has no split 'train' (it has: "
            f"{', '.join(names)}). Give another data set."
        )
    others = [name for name in names if name != train]
    named = {}
    for split in ("validation", "test"):
        # By its beginning: glue/mnli has validation_matched and _mismatched.
        matching = [name for name in others if name.startswith(split)]
        if matching:
            named[split] = matching[0]
    if "test" in named and not _has_labels(builder, named["test"], label):
        del named["test"]
    if "test" not in {*named, *given} and "validation" in named:
        named["test"] = named.pop("validation")
    return train, named


def _has_labels(builder: Any, split: str, label: str | None) -> bool:
    if label is None:
        return True
    return bool(np.all(next(_rows(builder, split, 1))[label] >= 0))


def _read(
    builder: Any, settings: PrepareSettings, label: str | None, task: Task, split: str
) -> Iterator[Example]:
    features = builder.info.features
    for number, row in enumerate(_rows(builder, split), start=1):
        position = f"tfds:{builder.name} {split} example {number}"
        if label is not None and np.any(row[label] < 0):
            raise UserError(
                f"{position} has no label. Give files with labels by --validation "
                "and --test."
            )
        values = {
            key: _plain(value, features[key], position) for key, value in row.items()
        }
        yield task.read((position, values), settings)


def _plain(value: Any, feature: Any, position: str) -> Any:
    """A value as a jsonl file would hold it: classes by name, bytes as text."""
    if isinstance(value, bytes):
        return _decode(value, position)
    # Of a sequence of dicts, TFDS gives a dict of lists.
    inner = getattr(feature, "feature", feature)
    if isinstance(value, dict):
        return {key: _plain(value[key], inner[key], position) for key in value}
    if isinstance(value, list | np.ndarray) and np.ndim(value):
        return [_plain(each, inner, position) for each in value]
    if isinstance(inner, tfds.features.ClassLabel):
        return inner.names[value] if value >= 0 else None
    return value.item() if isinstance(value, np.generic | np.ndarray) else value


def _rows(builder: Any, split: str, limit: int | None = None) -> Iterator[dict]:
    dataset = builder.as_dataset(
        split=split if limit is None else f"{split}[:{limit}]",
        shuffle_files=False,
        # TFDS keeps small data sets in memory unless told not to.
        read_config=tfds.ReadConfig(try_autocache=False),
    )
    return iter(tfds.as_numpy(dataset))


def _decode(content: bytes, position: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{position} is not UTF-8 ({error.reason}). Give another data set."
        ) from error

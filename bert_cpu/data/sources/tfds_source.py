"""Examples from TensorFlow Datasets: our own data sets, and all others."""

import dataclasses
import functools
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from bert_cpu.data.sources.build_dataset import build_dataset
from bert_cpu.data.sources.bytes_of import bytes_of
from bert_cpu.data.sources.carve_splits import carve_splits
from bert_cpu.data.sources.source import Reader, Source
from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.task import Task

_DEFAULTS = PrepareSettings()
# Of several texts, the one that is cut into tokens.
_TOKENS = "tokens"
# Rows without lists that are read at once.
_AT_ONCE = 256


def open_tfds(
    settings: PrepareSettings, task: Task, given: dict[str, Reader]
) -> Source:
    """Opens the data set that `settings.data` names, `tfds:NAME[/CONFIG]`.

    Where the settings leave the columns at their defaults and the data set has
    none so named, its only text and its only class (or list of classes) are taken;
    of several, a task that reads tokens takes `tokens`.

    TFDS has -1 where there is no class. Such examples are given with None as label.
    A validation or test split of nothing but them (those of glue) is taken for none;
    so is one in which -1 is every number that a task learns.

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
    train, named = _find_splits(builder, columns, given)
    read = functools.partial(_read, builder, columns.settings, columns.label, task)
    splits: dict[str, Reader] = {
        split: functools.partial(read, name) for split, name in named.items()
    }
    source = carve_splits(
        settings.data,
        functools.partial(read, train),
        splits | given,
        columns.labels,
    )
    sizes = (builder.info.splits[split].num_bytes for split in {train, *named.values()})
    num_bytes = sum(sizes) + bytes_of(settings.validation, settings.test)
    return dataclasses.replace(source, num_bytes=num_bytes)


class _Columns:
    """Which features of a data set are the text, its pair and the label.

    Attributes:
        settings: those given, with the names of features that were found.
        label: the feature that holds the label, or None if it has no classes.
        labels: the names of its classes by id, or None.
        number: the feature that holds the number of a task without labels, or None.
    """

    def __init__(self, features: Any, settings: PrepareSettings, task: Task):
        self._source = settings.data
        self._features = features
        self._task = task
        # Of a set that was just built they stand in another order than later.
        names = sorted(features)
        texts = [key for key in names if _is_text(features[key], task)]
        self.settings = dataclasses.replace(
            settings, text=self._choose(settings, "text", texts)
        )
        pair = task.column(settings, "text_pair")
        if pair is not None:
            self._choose(settings, "text_pair", texts)
        self.label, self.labels = None, None
        classes = [key for key in names if _classes_of(features[key]) is not None]
        if task.has_labels and (classes or not task.columns):
            self.label = self._choose(settings, "label", classes)
            self.labels = tuple(_classes_of(features[self.label]).names)
            self.settings = dataclasses.replace(self.settings, label=self.label)
        column = task.column(settings, "label")
        learns_number = not (task.has_labels or task.labels_are_words)
        is_number = (
            learns_number and column in features and _is_number(features[column])
        )
        self.number = column if is_number else None

    def has_label(self, row: dict[str, Any]) -> Any:
        """Whether a row of tensors has one: bool `()`."""
        if self.label is not None:
            return tf.reduce_all(row[self.label] >= 0)
        return row[self.number] != -1 if self.number else True

    def _choose(self, settings: PrepareSettings, field: str, fitting: list[str]) -> str:
        wanted = self._task.column(settings, field)
        if wanted in fitting:
            return wanted
        is_default = getattr(settings, field) == getattr(_DEFAULTS, field)
        if is_default and len(fitting) == 1:
            return fitting[0]
        # Only a task that reads them has lists among its texts.
        if is_default and field == "text" and _TOKENS in fitting:
            return _TOKENS
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


def _is_text(feature: Any, task: Task) -> bool:
    if task.reads_tokens and isinstance(feature, tfds.features.Sequence):
        feature = feature.feature
    return _is_scalar(feature) and feature.tf_dtype == tf.string


def _is_number(feature: Any) -> bool:
    is_class = isinstance(feature, tfds.features.ClassLabel)
    is_number = _is_scalar(feature) and (
        feature.tf_dtype.is_floating or feature.tf_dtype.is_integer
    )
    return is_number and not is_class


def _is_scalar(feature: Any) -> bool:
    return isinstance(feature, tfds.features.Tensor) and feature.shape == ()


def _classes_of(feature: Any) -> Any:
    """The ClassLabel that a feature is, or is a list of; else None."""
    inner = getattr(feature, "feature", feature)
    return inner if isinstance(inner, tfds.features.ClassLabel) else None


def _find_splits(
    builder: Any, columns: _Columns, given: Collection[str]
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
        if matching and not _has_labels(builder, matching[0], columns):
            del named[split]
    if "test" not in {*named, *given} and "validation" in named:
        named["test"] = named.pop("validation")
    return train, named


def _has_labels(builder: Any, split: str, columns: _Columns) -> bool:
    if columns.label is None and columns.number is None:
        return True
    # In TensorFlow, to the first one: splits without any are read to their end.
    labelled = _dataset(builder, split).filter(columns.has_label).take(1)
    return any(True for _ in tfds.as_numpy(labelled))


def _read(
    builder: Any, settings: PrepareSettings, label: str | None, task: Task, split: str
) -> Iterator[Example]:
    features = builder.info.features
    for number, row in enumerate(_rows(builder, split), start=1):
        position = f"tfds:{builder.name} {split} example {number}"
        values = {
            key: _plain(value, features[key], position) for key, value in row.items()
        }
        if label is not None and np.any(row[label] < 0):
            # With its text, which tells its split.
            text = values[settings.text]
            text = text if isinstance(text, str) else " ".join(text)
            yield Example(text, None, None, position)
        else:
            yield task.read((position, values), settings)


def _rows(builder: Any, split: str) -> Iterator[dict[str, Any]]:
    """The rows of a split, with NumPy's values."""
    features = builder.info.features
    dataset = _dataset(builder, split)
    if not all(_is_scalar(feature) for feature in features.values()):
        yield from tfds.as_numpy(dataset)
        return
    # One by one they take ten times as long.
    for rows in tfds.as_numpy(dataset.batch(_AT_ONCE)):
        for values in zip(*rows.values(), strict=True):
            yield dict(zip(rows, values, strict=True))


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


def _dataset(builder: Any, split: str) -> Any:
    return builder.as_dataset(
        split=split,
        shuffle_files=False,
        # TFDS keeps small data sets in memory unless told not to.
        read_config=tfds.ReadConfig(try_autocache=False),
    )


def _decode(content: bytes, position: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{position} is not UTF-8 ({error.reason}). Give another data set."
        ) from error

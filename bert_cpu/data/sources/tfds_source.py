"""Examples from TensorFlow Datasets: our own data sets, and all others."""

import functools
from collections.abc import Collection, Iterator
from typing import Any

import tensorflow_datasets as tfds

from bert_cpu.data.example import Example
from bert_cpu.data.sources.build_dataset import build_dataset
from bert_cpu.data.sources.carve_splits import carve_splits
from bert_cpu.data.sources.source import Reader, Source
from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings

_DEFAULTS = PrepareSettings()


def open_tfds(settings: PrepareSettings, given: dict[str, Reader]) -> Source:
    """Opens the data set that `settings.data` names, `tfds:NAME[/CONFIG]`.

    Where the settings leave the columns at their defaults and the data set has
    none so named, its only text and its only class are taken.

    Args:
        settings: what to read, and the features that hold it.
        given: the splits that come from files of their own.

    Returns:
        Source, with labels in the order of the data set's class ids.

    Raises:
        UserError: as `build_dataset`; if a feature or the train split is
            missing, or a feature is not what it must be.
    """
    builder = build_dataset(settings.data.removeprefix("tfds:"))
    columns = _Columns(builder.info.features, settings)
    train, named = _find_splits(builder, columns, given)
    splits = {split: _reader(builder, name, columns) for split, name in named.items()}
    read = _reader(builder, train, columns)
    return Source(settings.data, carve_splits(read, splits | given), columns.labels)


class _Columns:
    """Which features of a data set are the text, its pair and the label."""

    def __init__(self, features: Any, settings: PrepareSettings):
        self._source = settings.data
        self._features = features
        texts = [key for key in features if _is_text(features[key])]
        classes = [key for key in features if _is_class(features[key])]
        self.text = self._choose("text", settings.text, texts)
        self.label = self._choose("label", settings.label, classes)
        self.text_pair = settings.text_pair
        if self.text_pair is not None:
            self._choose("text_pair", self.text_pair, texts)
        self.labels = tuple(features[self.label].names)

    def _choose(self, field: str, wanted: str, fitting: list[str]) -> str:
        if wanted in fitting:
            return wanted
        is_default = wanted == getattr(_DEFAULTS, field)
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

    def label_of(self, value: Any, position: str) -> str:
        if value < 0:
            raise UserError(
                f"{position} has no label. Give files with labels by --validation "
                "and --test."
            )
        return self.labels[value]


def _is_text(feature: Any) -> bool:
    is_scalar = isinstance(feature, tfds.features.Tensor) and feature.shape == ()
    return is_scalar and feature.tf_dtype.name == "string"


def _is_class(feature: Any) -> bool:
    return isinstance(feature, tfds.features.ClassLabel)


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
    if "test" in named and not _has_labels(builder, named["test"], columns):
        del named["test"]
    if "test" not in {*named, *given} and "validation" in named:
        named["test"] = named.pop("validation")
    return train, named


def _has_labels(builder: Any, split: str, columns: _Columns) -> bool:
    return next(_rows(builder, split, 1))[columns.label] >= 0


def _reader(builder: Any, split: str, columns: _Columns) -> Reader:
    return functools.partial(_read, builder, split, columns)


def _read(builder: Any, split: str, columns: _Columns) -> Iterator[Example]:
    for number, row in enumerate(_rows(builder, split), start=1):
        position = f"tfds:{builder.name} {split} example {number}"
        pair = columns.text_pair
        yield Example(
            text=_decode(row[columns.text], position),
            text_pair=None if pair is None else _decode(row[pair], position),
            label=columns.label_of(row[columns.label], position),
            position=position,
        )


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

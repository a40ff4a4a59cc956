"""What a sweep tries: for each searched setting of training, its values."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from bert_cpu.errors import UserError
from bert_cpu.settings import TrainSettings

Value = int | float | str | bool

# What changes the training or its records, and not where or for what it is done.
SEARCHABLE = (
    *("learning_rate", "warmup", "batch_size", "accumulate", "epochs"),
    *("weight_decay", "clip_norm", "dropout", "word_dropout", "ema"),
    *("label_smoothing", "layer_decay", "freeze_layers", "keep_layers"),
    *("class_weights", "pooling"),
    *("max_length", "stride", "normalize", "stop_words", "stem", "entity_marks"),
)
_FORMS = "{range: [low, high]}, {log: [low, high]}, a list of values, or one value"
_KINDS = {"range", "log"}


@dataclasses.dataclass(frozen=True)
class Range:
    """All numbers between two, both included.

    Args:
        low, high: int or float, as the setting is. `low` is below `high`.
        is_log: bool. Each factor is as likely as the others, instead of each step.
    """

    low: float
    high: float
    is_log: bool = False


@dataclasses.dataclass(frozen=True)
class Choice:
    """A few values. One alone is not searched, but set in every trial."""

    values: tuple[Value, ...]


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """Which settings of training are searched, and among which values.

    Args:
        dimensions: name of a setting -> where its values are. Names are those of
            `TrainSettings`, as far as they are in `SEARCHABLE`.

    Raises:
        UserError: for a setting that can't be searched, a range without numbers in
            it, a value of another type, or one that training would refuse.

    Example:
    >>> space = SearchSpace({
    ...     "learning_rate": Range(1e-5, 1e-4, is_log=True),
    ...     "batch_size": Choice((16, 32)),
    ... })
    """

    dimensions: Mapping[str, Range | Choice]

    def __post_init__(self):
        for name, dimension in self.dimensions.items():
            if name not in SEARCHABLE:
                raise UserError(
                    f"The search space has '{name}', which is no setting that can be "
                    f"searched. Choose among {', '.join(SEARCHABLE)}."
                )
            if isinstance(dimension, Range):
                _check_range(name, dimension)
            elif not dimension.values:
                raise UserError(
                    f"The search space has no value for {name}. Give one or more."
                )
            for value in _ends(dimension):
                _check_value(name, value)
        if not self.searched:
            raise UserError(
                "The search space has no setting with more than one value, so there "
                "is nothing to search. Give a range or several values."
            )

    @property
    def fixed(self) -> dict[str, Value]:
        """The settings that have one value only."""
        return {
            name: dimension.values[0]
            for name, dimension in self.dimensions.items()
            if isinstance(dimension, Choice) and len(set(dimension.values)) == 1
        }

    @property
    def searched(self) -> dict[str, Range | Choice]:
        """The settings that have more values than one."""
        fixed = self.fixed
        return {n: d for n, d in self.dimensions.items() if n not in fixed}

    @classmethod
    def from_dict(cls, content: Mapping[Any, Any]) -> "SearchSpace":
        """The space that a YAML file's content, or `as_dict`, describes.

        Raises:
            UserError: as `SearchSpace`, or if a dimension has another form.
        """
        return cls({str(name): _dimension(name, content[name]) for name in content})

    def as_dict(self) -> dict[str, Any]:
        """The space in the form of its YAML file."""
        content: dict[str, Any] = {}
        for name, dimension in self.dimensions.items():
            if isinstance(dimension, Range):
                kind = "log" if dimension.is_log else "range"
                content[name] = {kind: [dimension.low, dimension.high]}
            else:
                content[name] = list(dimension.values)
        return content


def kind_of(name: str) -> type:
    """The type of a setting's values: int, float, bool or str."""
    hint = get_type_hints(TrainSettings)[name]
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    if not kinds:
        return hint
    # The choices of a Literal are values, those of an optional setting types.
    return kinds[0] if isinstance(kinds[0], type) else type(kinds[0])


def _check_range(name, dimension):
    low, high = dimension.low, dimension.high
    if kind_of(name) not in (int, float):
        raise UserError(
            f"The search space has a range for {name}, which is no number. Give a "
            "list of values."
        )
    for end in (low, high):
        _check_type(name, end)
    if not low < high:
        raise UserError(
            f"The search space has an empty range for {name}, from {low} to {high}. "
            "Give the lower end first, and another one behind it."
        )
    if dimension.is_log and low <= 0:
        raise UserError(
            f"The search space has a log range for {name} from {low}, but no factor "
            "leads away from 0. Begin above 0, or give a plain range."
        )


def _check_type(name, value):
    kind = kind_of(name)
    # `True` is an int to Python, and a whole number will do for a float.
    is_right = (
        type(value) in (int, float) and math.isfinite(value)
        if kind is float
        else type(value) is kind
    )
    if not is_right:
        words = {int: "whole numbers", float: "numbers", bool: "true or false"}
        raise UserError(
            f"The search space has {value!r} for {name}, but its values are "
            f"{words.get(kind, 'words')}."
        )


def _check_value(name, value):
    _check_type(name, value)
    try:
        TrainSettings(**{name: value})
    except UserError as error:
        raise UserError(f"The search space has a bad value: {error}") from None


def _ends(dimension):
    if isinstance(dimension, Range):
        return (dimension.low, dimension.high)
    return dimension.values


def _dimension(name: Any, given: Any) -> Range | Choice:
    if isinstance(given, dict):
        ends = list(given.values())[0] if len(given) == 1 else None
        if not isinstance(ends, list) or len(ends) != 2 or not given.keys() <= _KINDS:
            raise UserError(f"{name} is {given}, but must be {_FORMS}.")
        low, high = (_number(name, end) for end in ends)
        return Range(low, high, is_log="log" in given)
    values = given if isinstance(given, list) else [given]
    return Choice(tuple(_number(name, value) for value in values))


def _number(name, value):
    """1e-5 as a number: YAML 1.1 takes it for a word, because it has no point."""
    if isinstance(value, str) and name in SEARCHABLE and kind_of(name) is float:
        try:
            return float(value)
        except ValueError:
            return value
    # Checked by the space, except for what can't even be compared.
    if not isinstance(value, int | float | str):
        raise UserError(f"{name} has the value {value!r}, but must be {_FORMS}.")
    return value

"""A search space from a YAML file."""

import pathlib
from typing import Any

import yaml

from bert_cpu.errors import UserError
from bert_cpu.search.space import SEARCHABLE, Choice, Range, SearchSpace, kind_of

_FORMS = "{range: [low, high]}, {log: [low, high]}, a list of values, or one value"


def read_space(path: pathlib.Path) -> SearchSpace:
    """Reads a file with a line for each setting.

        learning_rate: {log: [1e-5, 2e-4]}   # each factor is as likely
        warmup: {range: [0.0, 0.2]}
        batch_size: [16, 32, 64]
        ema: 0.99                            # the same in every trial

    Args:
        path: the file.

    Raises:
        UserError: if it can't be read, is not YAML, or says what `SearchSpace`
            refuses.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"--space '{path}' can't be read ({error.strerror}). Give a YAML file."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"--space '{path}' is not YAML ({reason}). Mend it.") from error
    if not isinstance(content, dict) or not content:
        raise UserError(
            f"--space '{path}' names no settings. Give a line for each, such as "
            "batch_size: [16, 32]."
        )
    try:
        return SearchSpace(
            {str(name): _dimension(name, given) for name, given in content.items()}
        )
    except UserError as error:
        raise UserError(f"--space '{path}': {error}") from None


def _dimension(name: Any, given: Any) -> Range | Choice:
    if isinstance(given, dict):
        ends = list(given.values())[0] if len(given) == 1 else None
        if not isinstance(ends, list) or len(ends) != 2 or not given.keys() <= _KINDS:
            raise UserError(f"{name} is {given}, but must be {_FORMS}.")
        low, high = (_number(name, end) for end in ends)
        return Range(low, high, is_log="log" in given)
    values = given if isinstance(given, list) else [given]
    return Choice(tuple(_number(name, value) for value in values))


_KINDS = {"range", "log"}


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

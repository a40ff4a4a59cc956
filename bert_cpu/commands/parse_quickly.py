"""Reads plain command lines of the commands that answer at once."""

import dataclasses
from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from bert_cpu.commands.positional import Positional
from bert_cpu.errors import UserError


def parse_quickly(kind: type, words: Sequence[str]) -> Any | None:
    """What the parser of all commands makes of `words`, without importing it.

    It knows no mistakes, no help and no rare ways to type something: whatever is not
    plain is left to that parser, so that there is one that says what was wrong.

    Args:
        kind: dataclass of the command. Its fields are texts, whole numbers, choices
            and switches; those with a `Positional` are a text or, at the end, a tuple
            of texts.
        words: what is behind the name of the command.

    Returns:
        A `kind`; None where it is not sure.
    """
    try:
        return kind(**_values(kind, words))
    except (_NotSure, UserError):
        return None


class _NotSure(Exception):
    pass


def _values(kind, words):
    fields = dataclasses.fields(kind)
    options = {
        "--" + field.name.replace("_", "-"): field
        for field in fields
        if not _is_positional(field)
    }
    values: dict[str, Any] = {}
    remaining = iter(words)
    run: list[str] = []
    runs = [run]
    for word in remaining:
        if word[:1] != "-":
            run.append(word)
            continue
        if word[:2] != "--":
            raise _NotSure
        name, has_value, value = word.partition("=")
        field = options.get(name.replace("_", "-"))
        if field is None or field.name in values:
            raise _NotSure
        if field.type is bool and not has_value and field.default is False:
            values[field.name] = True
        else:
            values[field.name] = _value(
                field.type, value if has_value else _next(remaining)
            )
        run = []
        runs.append(run)
    values |= _place([f for f in fields if _is_positional(f)], runs)
    for field in fields:
        if field.default is dataclasses.MISSING and field.name not in values:
            raise _NotSure
    return values


def _is_positional(field: dataclasses.Field) -> bool:
    return get_origin(field.type) is Annotated and any(
        isinstance(mark, Positional) for mark in get_args(field.type)[1:]
    )


def _next(remaining: Iterator[str]) -> str:
    word = next(remaining, None)
    if word is None or word[:1] == "-":
        raise _NotSure
    return word


def _value(kind: Any, word: str) -> Any:
    """What `word` means as a `kind`."""
    if get_origin(kind) is not Literal and NoneType in get_args(kind):
        # The other parser reads None as nothing here.
        if word == "None":
            raise _NotSure
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    if get_origin(kind) is Literal and word in get_args(kind):
        return word
    if kind is int and word.isascii() and word.isdigit():
        return int(word)
    if kind is str:
        return word
    raise _NotSure


def _place(fields: list[dataclasses.Field], runs: list[list[str]]) -> dict[str, Any]:
    """Gives the words between the options to the positional fields, in order.

    All texts of a tuple are typed side by side.
    """
    runs = [run for run in runs if run]
    values: dict[str, Any] = {}
    for field in fields:
        if not runs:
            break
        kind = get_args(field.type)[0]
        if kind is str:
            values[field.name] = runs[0].pop(0)
            runs = [run for run in runs if run]
        elif kind == tuple[str, ...]:
            values[field.name] = tuple(runs.pop(0))
        else:
            raise _NotSure
    if runs:
        raise _NotSure
    return values

"""A part of a set of records: what one machine of several prepares."""

import dataclasses
import pathlib
import re

from bert_cpu import storage
from bert_cpu.data.pieces.plan import Plan, load_plan
from bert_cpu.errors import UserError

FORMAT = "bert_cpu.part"
FILE_NAME = "part.json"
_REMEDY = "Prepare the part again."


@dataclasses.dataclass(frozen=True)
class Part:
    """What `part.json` says, which is written when all pieces of the part are there.

    Args:
        directory: that holds the pieces.
        index, count: int. The `index`-th of `count` parts, from 0.
        plan: that all parts must have in common.
    """

    directory: pathlib.Path
    index: int
    count: int
    plan: Plan


def save_part(part: Part) -> None:
    """Writes `part.json`, the last file of a part."""
    part.plan.save(
        part.directory / FILE_NAME, FORMAT, part=part.index, parts=part.count
    )


def load_part(directory: pathlib.Path) -> Part:
    """Reads what `save_part` wrote.

    Raises:
        UserError: if it is not there, or not as it was written.
    """
    path = directory / FILE_NAME
    content = storage.read_description(path, FORMAT, _REMEDY)
    try:
        part = Part(
            directory,
            int(content["part"]),
            int(content["parts"]),
            load_plan(content["plan"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"'{path}' has other fields than were written ({type(error).__name__}: "
            f"{error}). {_REMEDY}"
        ) from error
    return part


def is_part(directory: pathlib.Path) -> bool:
    """Whether `directory` holds a part of a set of records."""
    return (directory / FILE_NAME).is_file()


def read_part_option(option: str) -> tuple[int, int]:
    """Reads `--part i/N`.

    Returns:
        `(i, N)`.

    Raises:
        UserError: if it is something else, or i is not in `[0, N)`.
    """
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", option, re.ASCII)
    if match is not None:
        index, count = int(match[1]), int(match[2])
        if index < count:
            return index, count
    raise UserError(
        f"--part is {option}, but must be i/N, with i from 0 to N-1: 0/4 to 3/4 for "
        "four machines."
    )

"""The parts that several machines prepared, joined to one set of records."""

import dataclasses
import pathlib
from collections.abc import Sequence

from bert_cpu import storage
from bert_cpu.data.manifest import Manifest
from bert_cpu.data.pieces.join_pieces import join_pieces
from bert_cpu.data.pieces.part import Part, load_part
from bert_cpu.data.pieces.piece import pieces_of_part
from bert_cpu.errors import UserError


def merge_parts(
    directories: Sequence[pathlib.Path], directory: pathlib.Path
) -> Manifest:
    """Joins parts to the records that one machine alone would have prepared.

    Args:
        directories: of all parts, in any order.
        directory: written aside and renamed; what is there is replaced.

    Raises:
        UserError: if a part is missing, there twice, damaged, or was made of other
            data or with other settings than the first.
    """
    parts = [load_part(each) for each in directories]
    by_index = _check(parts)
    plan, count = parts[0].plan, parts[0].count
    homes = {
        (split, number): by_index[index].directory
        for split, planned in plan.splits.items()
        for index in range(count)
        for number in pieces_of_part(planned.num_pieces, index, count)
    }
    with storage.new_directory(directory) as aside:
        manifest = join_pieces(plan, lambda *piece: homes[piece], aside)
    return dataclasses.replace(manifest, directory=directory)


def _check(parts: Sequence[Part]) -> dict[int, Part]:
    first = parts[0]
    by_index: dict[int, Part] = {}
    for part in parts:
        if part.count != first.count:
            raise UserError(
                f"'{part.directory}' is one of {part.count} parts, but "
                f"'{first.directory}' is one of {first.count}. Name parts of one set."
            )
        if part.plan != first.plan:
            raise UserError(
                f"'{part.directory}' was prepared {_difference(part.plan, first.plan)} "
                f"than '{first.directory}'. Prepare the parts of one set alike."
            )
        if part.index in by_index:
            raise UserError(
                f"'{part.directory}' and '{by_index[part.index].directory}' are both "
                f"part {part.index}/{part.count}. Name each part once."
            )
        by_index[part.index] = part
    missing = [index for index in range(first.count) if index not in by_index]
    if missing:
        raise UserError(
            f"Part {missing[0]}/{first.count} is missing ({len(parts)} of "
            f"{first.count} were named). Name all of them."
        )
    return by_index


def _difference(ours, theirs):
    if ours.version != theirs.version:
        return f"by another version ({ours.version} and not {theirs.version})"
    if ours.tokenizer_sha256 != theirs.tokenizer_sha256:
        return "with another tokenizer"
    theirs_given = theirs.settings | theirs.reading
    for name, value in (ours.settings | ours.reading).items():
        if theirs_given.get(name) != value:
            flag = "--" + name.replace("_", "-")
            return f"with another {flag} ({value} and not {theirs_given.get(name)})"
    for split, planned in ours.splits.items():
        if planned != theirs.splits.get(split):
            return f"from another {split} split"
    return "from other data"

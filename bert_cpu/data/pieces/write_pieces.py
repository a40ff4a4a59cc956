"""From a source to pieces: those of one part that are not there yet."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Iterator

from bert_cpu.data.pieces.piece import all_pieces, has_piece
from bert_cpu.data.pieces.plan import Plan
from bert_cpu.data.pieces.writer_process import Job
from bert_cpu.data.sources.source import Source
from bert_cpu.errors import UserError
from bert_cpu.example import Example


def write_pieces(
    source: Source,
    plan: Plan,
    directory: pathlib.Path,
    part: tuple[int, int],
    run: Callable[[Iterable[Job]], Iterator[tuple[str, int]]],
    progress: Callable[[str, int, int], None],
) -> None:
    """Reads the source once more, and has the missing pieces written.

    Args:
        source: as it was when it was planned.
        plan: of the pieces.
        directory: where they go, and where some may be.
        part: `(i, N)`: the i-th of N parts, from 0.
        run: writes pieces, drawing them as fast as it can.
        progress: called with a split's name, the examples done, and all of its own.

    Raises:
        UserError: for every mistake of the source.
    """
    missing: set[tuple[str, int]] = set()
    totals = dict.fromkeys(plan.splits, 0)
    done: dict[str, int] = {}
    for split, number in all_pieces(plan, *part):
        size = _size(plan, split, number)
        totals[split] += size
        if has_piece(directory, split, number):
            done[split] = done.get(split, 0) + size
        else:
            missing.add((split, number))
    for split, count in done.items():
        progress(split, count, totals[split])
    for split, number in run(_jobs(source, plan, missing)):
        done[split] = done.get(split, 0) + _size(plan, split, number)
        progress(split, done[split], totals[split])


def _size(plan, split, number):
    planned = plan.splits[split]
    return min(planned.piece_size, planned.examples - number * planned.piece_size)


def _jobs(source, plan, missing) -> Iterator[Job]:
    """The missing pieces with their examples, in the order in which they are full."""
    left = len(missing)
    filling = {split: _Filling() for split in plan.splits}
    examples = source.read()
    while left:
        try:
            split, example = next(examples)
        except StopIteration:
            raise UserError(
                f"'{source.name}' was changed while it was read. Prepare it again."
            ) from None
        piece = filling[split]
        piece.examples.append(example)
        if len(piece.examples) == _size(plan, split, piece.number):
            if (split, piece.number) in missing:
                left -= 1
                yield split, piece.number, piece.examples
            filling[split] = _Filling(piece.number + 1)


@dataclasses.dataclass
class _Filling:
    """The piece of a split that is being read."""

    number: int = 0
    examples: list[Example] = dataclasses.field(default_factory=list)

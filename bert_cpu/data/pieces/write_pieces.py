"""From a source to pieces: those of one part that are not there yet."""

import itertools
import pathlib
from collections.abc import Callable, Iterable, Iterator

from bert_cpu.data.pieces.piece import all_pieces, has_piece
from bert_cpu.data.pieces.plan import Plan
from bert_cpu.data.pieces.run_pieces import Job
from bert_cpu.data.sources.source import Source
from bert_cpu.errors import UserError


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
    for split, read in source.splits.items():
        numbers = {number for name, number in missing if name == split}
        if not numbers:
            continue
        examples = iter(read())
        for number in range(max(numbers) + 1):
            piece = itertools.islice(examples, plan.splits[split].piece_size)
            if number not in numbers:
                for _ in piece:
                    pass
                continue
            drawn = list(piece)
            if len(drawn) != _size(plan, split, number):
                raise UserError(
                    f"'{source.name}' was changed while it was read. Prepare it again."
                )
            yield split, number, drawn

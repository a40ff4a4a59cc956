"""Who writes the pieces: this process, alone or with others on this machine."""

from collections.abc import Iterable, Iterator, Sequence

from bert_cpu.data.pieces.piece import PieceWriter
from bert_cpu.data.pieces.writer_process import Job, WriterProcess


def run_pieces(
    jobs: Iterable[Job], writer: PieceWriter, others: Sequence[WriterProcess] = ()
) -> Iterator[tuple[str, int]]:
    """Writes pieces, and yields the split and number of each once it is there.

    Args:
        jobs: drawn only as fast as they are done.
        writer: of the pieces.
        others: processes that write as well. What they are too busy for is written
            here.

    Raises:
        UserError: as `PieceWriter.write`; or if a process was ended from outside.
    """
    try:
        yield from _run(jobs, writer, others)
    except BaseException:
        # Before the directory that they write into is removed.
        for other in others:
            other.end()
        raise


def _run(jobs, writer, others):
    for other in others:
        other.begin(writer)
    for job in jobs:
        for other in others:
            if piece := other.finished(is_awaited=False):
                yield piece
        free = next((other for other in others if other.is_free), None)
        if free is None:
            writer.write(*job)
            yield job[:2]
        else:
            free.give(job)
    for other in others:
        while other.has_work:
            piece = other.finished(is_awaited=True)
            assert piece is not None
            yield piece

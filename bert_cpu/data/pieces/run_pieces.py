"""Who writes the pieces: this process, or several on this machine."""

import concurrent.futures
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool

from bert_cpu.data.pieces.piece import PieceWriter
from bert_cpu.errors import UserError
from bert_cpu.example import Example

# A piece to write: its split, its number, and its examples.
Job = tuple[str, int, Sequence[Example]]

# Of a process that `run_pieces` started.
_writer: PieceWriter


def run_pieces(
    jobs: Iterable[Job], writer: PieceWriter, processes: int
) -> Iterator[tuple[str, int]]:
    """Writes pieces, and yields the split and number of each once it is there.

    Args:
        jobs: drawn only as fast as they are done.
        writer: of the pieces.
        processes: int. With 1, no other is started.

    Raises:
        UserError: as `PieceWriter.write`; or if a process was ended from outside.
    """
    if processes == 1:
        for split, number, examples in jobs:
            writer.write(split, number, examples)
            yield split, number
        return
    # Not forked: TensorFlow's threads would be missing in the copy.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        processes, context, _begin, (writer,)
    ) as pool:
        waiting: dict[concurrent.futures.Future, tuple[str, int]] = {}
        try:
            for split, number, examples in jobs:
                waiting[pool.submit(_write, split, number, examples)] = split, number
                # One piece more than processes: none of them waits for the reader.
                if len(waiting) > processes:
                    yield from _finish_some(waiting)
            while waiting:
                yield from _finish_some(waiting)
        except BrokenProcessPool as error:
            raise UserError(
                "A process that prepared records was ended from outside, perhaps for "
                f"want of memory. Ask for fewer than --processes {processes}; what is "
                "done is kept."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _finish_some(waiting):
    done, _ = concurrent.futures.wait(
        waiting, return_when=concurrent.futures.FIRST_COMPLETED
    )
    for future in done:
        future.result()
        yield waiting.pop(future)


def _begin(writer):
    """What a process keeps between two pieces; it ends with the one that started it."""
    global _writer
    _writer = writer
    # Ctrl-C reaches every process of a terminal: the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _write(split, number, examples):
    _writer.write(split, number, examples)

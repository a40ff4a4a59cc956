"""From a source of texts to a directory of records, in constant memory.

The source is read twice: once to count and to find every mistake before any
work is done, once to write. Only a few thousand examples are ever held: they are
written in pieces, by any number of processes, and pieces are joined to shards.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Literal

from transformers import BertTokenizerFast

from bert_cpu import storage
from bert_cpu.data.labels import count_labels, order_labels
from bert_cpu.data.manifest import Manifest
from bert_cpu.data.pieces.join_pieces import join_pieces
from bert_cpu.data.pieces.part import Part, save_part
from bert_cpu.data.pieces.piece import PieceWriter
from bert_cpu.data.pieces.plan import Plan, make_plan
from bert_cpu.data.pieces.run_on_ray import check_ray, run_on_ray
from bert_cpu.data.pieces.run_pieces import run_pieces
from bert_cpu.data.pieces.work_directory import work_directory
from bert_cpu.data.pieces.write_pieces import write_pieces
from bert_cpu.data.pieces.writer_process import WriterProcess
from bert_cpu.data.sources.keep_small import keep_small
from bert_cpu.data.sources.source import Source
from bert_cpu.settings import PrepareSettings
from bert_cpu.task import Task
from bert_cpu.text.preprocess import Preprocess
from bert_cpu.text.windows import tokenizer_sha256, uncut

Engine = Literal["processes", "ray"]
# Bytes of text from which another process is worth its start, of half a second.
_WORTH_A_PROCESS = 4 * 2**20
_MOST_BY_DEFAULT = 4
Progress = Callable[[str, int, int], None]


def prepare_records(
    source: Source,
    settings: PrepareSettings,
    tokenizer: BertTokenizerFast,
    directory: pathlib.Path,
    task: Task,
    progress: Progress = lambda split, done, total: None,
    engine: Engine = "processes",
) -> Manifest:
    """Writes the records of every split, and a manifest beside them.

    The bytes depend on the source, the settings and the tokenizer, and not on who
    does the work. If it is killed, the next call takes up the pieces that are there.

    Args:
        source: where the texts come from.
        settings: how they are made into features, and in how many processes.
        tokenizer: the encoder's.
        directory: written aside and renamed; what is there is replaced.
        task: what is to be learned.
        progress: called with a split's name, the examples written, and all.
        engine: who writes: processes of this machine, or those of a Ray cluster.

    Returns:
        Manifest.

    Raises:
        UserError: for every mistake of the source; if there are fewer labels than
            the task needs, or a split has a label that training has not; if a
            split, or a label of the training split, has no text; if the vocabulary
            does not cover the training split; if the disk is full, or `directory`
            can't be made.
    """
    with (
        _pieces(
            source, settings, tokenizer, directory, task, progress, engine, (0, 1)
        ) as (plan, pieces),
        storage.new_directory(directory) as aside,
    ):
        manifest = join_pieces(plan, lambda split, number: pieces, aside)
    return dataclasses.replace(manifest, directory=directory)


def prepare_part(
    source: Source,
    settings: PrepareSettings,
    tokenizer: BertTokenizerFast,
    directory: pathlib.Path,
    task: Task,
    progress: Progress,
    engine: Engine,
    part: tuple[int, int],
) -> Part:
    """Writes one machine's part of the records; `merge_parts` joins all of them.

    Each machine reads all of the source, which tells it the labels and its place,
    and tokenizes its part.

    Args:
        part: `(i, N)`: the i-th of N parts, from 0. Others as `prepare_records`.

    Raises:
        UserError: as `prepare_records`.
    """
    with (
        _pieces(
            source, settings, tokenizer, directory, task, progress, engine, part
        ) as (plan, pieces),
        storage.new_directory(directory) as aside,
    ):
        for path in pieces.iterdir():
            if path.suffix in (".json", ".tfrecord") and path.stem != "plan":
                path.rename(aside / path.name)
        save_part(Part(aside, *part, plan))
    return Part(directory, *part, plan)


@contextlib.contextmanager
def _pieces(
    source, settings, tokenizer, directory, task, progress, engine, part
) -> Iterator[tuple[Plan, pathlib.Path]]:
    """Gives the directory with all pieces of a part, while they are there."""
    if engine == "ray":
        check_ray()
    with contextlib.ExitStack() as stack:
        # They start while this one reads the source for the first time.
        others = [
            stack.enter_context(WriterProcess())
            for _ in range(_num_processes(source, settings, engine) - 1)
        ]
        yield from _written(
            source, settings, tokenizer, directory, task, progress, engine, part, others
        )


def _num_processes(source, settings, engine):
    if engine == "ray":
        return 1
    if settings.processes:
        return settings.processes
    has_many = source.num_bytes >= _WORTH_A_PROCESS and os.name == "posix"
    # One reads for all: more than a few would wait for it.
    return min(_num_cores(), _MOST_BY_DEFAULT) if has_many else 1


def _num_cores():
    if hasattr(os, "sched_getaffinity"):  # Only Linux has it.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _written(
    source, settings, tokenizer, directory, task, progress, engine, part, others
):
    source = keep_small(source)
    counts = count_labels(source, task)
    labels = order_labels(source, counts, task)
    own = uncut(tokenizer.backend_tokenizer)
    preprocess = Preprocess(settings.normalize, settings.stop_words, settings.stem)
    plan = make_plan(
        source.name,
        settings,
        task,
        labels,
        counts,
        tokenizer_sha256(own),
        preprocess.to_dict(),
    )
    name = "/".join(map(str, part))
    with work_directory(directory, plan, name) as pieces:
        writer = PieceWriter(
            plan,
            task,
            own,
            tokenizer.unk_token_id,
            pieces.absolute(),
        )
        if engine == "ray":
            run = functools.partial(
                run_on_ray, writer=writer, processes=settings.processes
            )
        else:
            run = functools.partial(run_pieces, writer=writer, others=others)
        write_pieces(source, plan, pieces, part, run, progress)
        yield plan, pieces

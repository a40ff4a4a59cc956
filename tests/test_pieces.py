"""Who prepares records, and how often they were stopped, can't be seen in them."""

import contextlib
import dataclasses
import functools
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
import tiny_records
from hypothesis import given, settings
from hypothesis import strategies as st
from refusal import refusal_of
from tiny_records import rows_of_lengths, source_of, tokenizer

from bert_cpu.data import prepare as prepare_module
from bert_cpu.data import serialize
from bert_cpu.data.framed_example import plain_framed_example
from bert_cpu.data.pieces import plan, run_pieces
from bert_cpu.data.pieces.merge_parts import merge_parts
from bert_cpu.data.pieces.part import read_part_option
from bert_cpu.data.pieces.piece import PieceWriter
from bert_cpu.data.pieces.shard_of import shard_of
from bert_cpu.data.pieces.writer_process import WriterProcess
from bert_cpu.data.prepare import prepare_part, prepare_records
from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.classify import Classify
from bert_cpu.text import chunk_memory

ROWS = rows_of_lengths([5 + number % 9 for number in range(90)])
ROWS[7:7] = [("", "neg"), (" ", "pos")]  # Left out, and so not to be counted on.


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(plan, "_PIECE_SIZE", 10)


def content_of(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def prepare(directory, rows=ROWS, task=None, **options):
    return tiny_records.prepare(directory, rows, task, shard_size=25, **options)


def prepare_one_part(directory, part, rows=ROWS, task=None, **options):
    given_settings = PrepareSettings(shard_size=25, **options)
    return prepare_part(
        source_of(rows),
        given_settings,
        tokenizer(),
        directory,
        task or Classify(),
        lambda *now: None,
        "processes",
        part,
    )


@functools.cache
def whole(task_type, record_format):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name) / "whole"
        prepare(directory, task=task_type(), record_format=record_format)
        return content_of(directory)


@settings(max_examples=12)
@given(
    st.integers(1, 12),
    st.sampled_from([Classify, tiny_records.ReadAll]),
    st.sampled_from(["tfrecord", "hdf5"]),
    st.randoms(),
)
def test_parts_join_to_what_one_machine_prepares(count, task_type, form, random):
    with tempfile.TemporaryDirectory() as name:
        places = [pathlib.Path(name) / f"part-{index}" for index in range(count)]
        for index, place in enumerate(places):
            prepare_one_part(
                place, (index, count), task=task_type(), record_format=form
            )
        random.shuffle(places)
        merged = pathlib.Path(name) / "merged"
        merge_parts(places, merged)
        assert content_of(merged) == whole(task_type, form)
        assert len(os.listdir(name)) == count + 1


@pytest.mark.parametrize("task_type", [Classify, tiny_records.ReadAll])
def test_python_alone_writes_the_same(tmp_path, monkeypatch, task_type):
    monkeypatch.setattr(serialize, "framed_example", plain_framed_example)
    monkeypatch.setattr(chunk_memory, "compiled", lambda: None)
    prepare(tmp_path / "records", task=task_type())
    assert content_of(tmp_path / "records") == whole(task_type, "tfrecord")


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_processes_write_what_one_writes(tmp_path, processes):
    prepare(tmp_path / "records", processes=processes)
    assert content_of(tmp_path / "records") == whole(Classify, "tfrecord")
    assert os.listdir(tmp_path) == ["records"]


@pytest.mark.slow
def test_a_mistake_in_a_process_is_one_line(tmp_path):
    rows = [*ROWS, ("half \ud83d", "pos")]
    with pytest.raises(UserError, match="half of a surrogate pair"):
        prepare(tmp_path / "records", rows, processes=2)
    assert os.listdir(tmp_path) == []


class Stopped(BaseException):
    """As Ctrl-C: nothing that cleans up after errors hears of it."""


@settings(max_examples=10)
@given(st.integers(0, 29), st.booleans())
def test_what_a_stopped_prepare_left_is_taken_up(stop_at, tears_a_piece):
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        directory = pathlib.Path(name) / "records"
        write, written = PieceWriter.write, []

        def counting(self, *job):
            if len(written) == stop_at:
                raise Stopped
            written.append(job[:2])
            write(self, *job)

        patch.setattr(PieceWriter, "write", counting)
        with pytest.raises(Stopped):
            prepare(directory)
        assert os.listdir(name) == [".records.pieces"]
        if tears_a_piece:
            # Its description is missing: it was being written.
            half = directory.with_name(".records.pieces") / "test-0000009.tfrecord"
            half.write_bytes(b"half")
        patch.setattr(PieceWriter, "write", write)
        again = []
        patch.setattr(
            PieceWriter,
            "write",
            lambda self, *job: again.append(job[:2]) or write(self, *job),
        )
        prepare(directory)
        assert not {*written} & {*again}
        assert len(written) + len(again) == 30
        assert content_of(directory) == whole(Classify, "tfrecord")
        assert os.listdir(name) == ["records"]


def test_pieces_of_other_data_are_not_taken_up(tmp_path, monkeypatch):
    monkeypatch.setattr(
        run_pieces.PieceWriter, "write", lambda *job: (_ for _ in ()).throw(Stopped)
    )
    with pytest.raises(Stopped):
        prepare(tmp_path / "records", [*ROWS, ("one more", "pos")])
    left = tmp_path / ".records.pieces"
    (left / "train-0000000.json").write_text("not of this plan")
    monkeypatch.undo()
    monkeypatch.setattr(plan, "_PIECE_SIZE", 10)
    prepare(tmp_path / "records")
    assert content_of(tmp_path / "records") == whole(Classify, "tfrecord")


_KILLED = """
import pathlib, sys
import tiny_records
from bert_cpu.data.pieces import plan
plan._PIECE_SIZE = 10
rows = tiny_records.rows_of_lengths([5 + n % 9 for n in range(900)])
print("ready", flush=True)
tiny_records.prepare(pathlib.Path(sys.argv[1]), rows, shard_size=100)
"""


@pytest.mark.slow
def test_a_killed_prepare_leaves_no_half_shard_and_resumes(tmp_path):
    tests = pathlib.Path(__file__).parent
    program = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path / "records")],
        env=os.environ | {"PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        program.stdout.readline()
        left = tmp_path / ".records.pieces"
        deadline = time.monotonic() + 60
        while not len(list(left.glob("train-*.json"))) and time.monotonic() < deadline:
            time.sleep(0.005)
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
        program.stdout.close()
    assert not (tmp_path / "records").exists()
    rows = rows_of_lengths([5 + n % 9 for n in range(900)])
    tiny_records.prepare(tmp_path / "records", rows, shard_size=100)
    tiny_records.prepare(tmp_path / "again", rows, shard_size=100)
    assert content_of(tmp_path / "records") == content_of(tmp_path / "again")
    assert sorted(os.listdir(tmp_path)) == ["again", "records"]


def test_shards_are_dealt_evenly():
    for num_shards in (2, 7, 40):
        dealt = [shard_of(number, num_shards) for number in range(20_000)]
        counts = np.bincount(dealt, minlength=num_shards)
        expected = 20_000 / num_shards
        # Five standard deviations of a fair deal.
        assert np.all(np.abs(counts - expected) < 5 * expected**0.5)
        # Nor does one follow from the one before.
        pairs = np.corrcoef(dealt[:-1], dealt[1:])[0, 1]
        assert abs(pairs) < 0.035


@pytest.mark.parametrize("option", ["4/4", "1", "-1/4", "a/b", "1/0", "", "1/2/3"])
def test_a_part_that_is_none_is_refused(option):
    assert refusal_of(read_part_option, option) == (
        f"--part is {option}, but must be i/N, with i from 0 to N-1: 0/4 to 3/4 for "
        "four machines."
    )


def test_parts_that_are_not_one_set_are_refused(tmp_path):
    first, second, other, third, longer = (tmp_path / name for name in "abcde")
    prepare_one_part(first, (0, 2))
    prepare_one_part(second, (1, 2))
    prepare_one_part(other, (1, 2), [*ROWS, ("one more", "pos")])
    prepare_one_part(third, (2, 3))
    prepare_one_part(longer, (1, 2), max_length=64)
    for parts, complaint in (
        ([first], "Part 1/2 is missing (1 of 2 were named). Name all of them."),
        (
            [first, second, first],
            f"'{first}' and '{first}' are both part 0/2. Name each part once.",
        ),
        (
            [first, third],
            f"'{third}' is one of 3 parts, but '{first}' is one of 2. Name parts of "
            "one set.",
        ),
        (
            [first, other],
            f"'{other}' was prepared from another train split than '{first}'. Prepare "
            "the parts of one set alike.",
        ),
        (
            [first, longer],
            f"'{longer}' was prepared with another --max-length (64 and not 128) than "
            f"'{first}'. Prepare the parts of one set alike.",
        ),
    ):
        assert refusal_of(merge_parts, parts, tmp_path / "merged") == complaint


def test_a_damaged_part_is_refused(tmp_path):
    prepare_one_part(tmp_path / "a", (0, 1))
    path = tmp_path / "a" / "train-0000001.tfrecord"
    whole_piece = path.read_bytes()
    for damaged in (whole_piece[:-1], whole_piece[:-1] + b"?", whole_piece + b"?"):
        path.write_bytes(damaged)
        assert refusal_of(merge_parts, [tmp_path / "a"], tmp_path / "merged") == (
            f"'{path}' was changed since it was written. Prepare its part again."
        )
    path.with_suffix(".json").unlink()
    assert refusal_of(merge_parts, [tmp_path / "a"], tmp_path / "merged") == (
        f"'{path.with_suffix('.json')}' does not describe a piece of records "
        "(FileNotFoundError). Prepare its part again."
    )
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.slow
def test_ray_writes_what_one_process_writes(tmp_path):
    pytest.importorskip("ray", reason="needs the extra: pip install 'bert_cpu[ray]'")
    prepare_records(
        source_of(ROWS),
        PrepareSettings(shard_size=25, processes=2),
        tokenizer(),
        tmp_path / "records",
        Classify(),
        engine="ray",
    )
    assert content_of(tmp_path / "records") == whole(Classify, "tfrecord")


def test_without_ray_it_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = refusal_of(
        lambda: prepare_records(
            source_of(ROWS),
            PrepareSettings(),
            tokenizer(),
            tmp_path / "records",
            Classify(),
            engine="ray",
        )
    )
    assert message == (
        "--engine is ray, but Ray is not installed. Install it with `pip install "
        "'bert_cpu[ray]'`, or leave --engine out."
    )


def test_a_process_that_was_killed_is_one_line(tmp_path, monkeypatch):
    begin = WriterProcess.begin

    def beginning(self, writer):
        begin(self, writer)
        self._process.kill()

    monkeypatch.setattr(WriterProcess, "begin", beginning)
    message = refusal_of(lambda: prepare(tmp_path / "records", processes=2))
    assert message == (
        "A process that prepared records was ended from outside, perhaps for want of "
        "memory. Ask for fewer --processes."
    )


def test_a_writing_process_needs_no_tensorflow():
    program = (
        "import sys, bert_cpu.data.pieces.writer_process\n"
        "import bert_cpu.tasks.classify\n"
        "print({'tensorflow', 'keras', 'transformers'} & {*sys.modules})"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"


@pytest.mark.parametrize(
    "num_bytes, processes, cores, expected",
    [
        (100, 0, 8, 1),
        (0, 0, 8, 1),
        (2**23, 0, 1, 1),
        (2**23, 0, 2, 2),
        (2**23, 0, 64, 4),
        (2**23, 1, 64, 1),
        (100, 3, 1, 3),
    ],
)
def test_much_text_gets_a_process_a_core(
    tmp_path, monkeypatch, num_bytes, processes, cores, expected
):
    started = []
    monkeypatch.setattr(prepare_module, "_num_cores", lambda: cores)
    monkeypatch.setattr(
        prepare_module,
        "WriterProcess",
        lambda: started.append(1) or contextlib.nullcontext(),
    )
    monkeypatch.setattr(
        prepare_module, "run_pieces", lambda jobs, writer, others: iter(())
    )
    source = dataclasses.replace(source_of(ROWS), num_bytes=num_bytes)
    with contextlib.suppress(UserError):  # For nobody writes the pieces.
        tiny_records.prepare(tmp_path / "records", source, processes=processes)
    assert len(started) == expected - 1


def test_a_writing_process_ends_with_the_one_that_started_it():
    with WriterProcess() as other:
        other._connection.close()  # As the system does when a process ends.
        assert other._process.wait(timeout=60) == 0

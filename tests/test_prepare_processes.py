"""Who writes records can't be seen in them: one process, several, Ray, plain Python."""

import contextlib
import dataclasses
import os
import subprocess
import sys

import pytest
import tiny_records
from ninety_texts import ROWS, content_of, prepare, whole
from refusal import refusal_of
from tiny_records import source_of, tokenizer

from bert_cpu.data import prepare as prepare_module
from bert_cpu.data import serialize
from bert_cpu.data.framed_example import plain_framed_example
from bert_cpu.data.pieces import plan
from bert_cpu.data.pieces.writer_process import WriterProcess
from bert_cpu.data.prepare import prepare_records
from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.classify import Classify
from bert_cpu.text import chunk_memory


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(plan, "_PIECE_SIZE", 10)


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

"""How often the writing of records was stopped can't be seen in them."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import pytest
import tiny_records
from hypothesis import given, settings
from hypothesis import strategies as st
from ninety_texts import ROWS, content_of, prepare, whole
from tiny_records import rows_of_lengths

from bert_cpu.data.pieces import plan, run_pieces
from bert_cpu.data.pieces.piece import PieceWriter
from bert_cpu.tasks.classify import Classify


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(plan, "_PIECE_SIZE", 10)


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

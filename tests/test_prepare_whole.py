"""Records are there as a whole or not at all, and never held in memory."""

import csv
import os
import pathlib
import shutil
import subprocess
import sys
import tracemalloc

import pytest
import tiny_command
import tiny_records
from prepare_cases import FORMATS, ROWS
from tiny_records import prepare, rows_of_lengths, source_of

from bert_cpu.data.manifest import load_manifest
from bert_cpu.data.sources.source import Source
from bert_cpu.example import Example


class Broken(Exception):
    pass


def breaking(times):
    """A reader that gives rows, and breaks when it is read for the nth time."""
    reads = iter(range(1, 100))

    def read():
        is_last = next(reads) == times
        yield from tiny_records.examples_of(ROWS)
        if is_last:
            raise Broken

    return read


@pytest.mark.parametrize("record_format", FORMATS)
# While counting, and while writing.
@pytest.mark.parametrize("times", [1, 2])
def test_what_breaks_leaves_the_old_records_and_nothing_else(
    tmp_path, record_format, times
):
    directory = tmp_path / "records"
    before = prepare(directory, ROWS, record_format=record_format)
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    readers = source_of(ROWS).splits | {"validation": breaking(times)}
    with pytest.raises(Broken):
        prepare(directory, Source("new", readers), record_format=record_format)
    assert os.listdir(tmp_path) == ["records"]
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == files
    assert load_manifest(directory) == before


@pytest.mark.parametrize("record_format", FORMATS)
def test_new_records_replace_the_old_ones_whole(tmp_path, record_format):
    directory = tmp_path / "records"
    prepare(directory, ROWS, shard_size=1)
    # What a crash of the machine may have left.
    (tmp_path / ".records.partial").mkdir()
    (tmp_path / ".records.partial" / "half").write_text("half")
    after = prepare(directory, ROWS[:2], record_format=record_format)
    assert os.listdir(tmp_path) == ["records"]
    assert load_manifest(directory) == after
    names = {name for split in after.splits.values() for name in split.shards}
    assert set(os.listdir(directory)) == names | {"manifest.json"}


def test_preparing_twice_gives_the_same_bytes(tmp_path):
    rows = rows_of_lengths([5 + number % 9 for number in range(200)])
    one, two = (
        prepare(tmp_path / name, rows, shard_size=50) for name in ("one", "two")
    )
    assert one.splits == two.splits
    assert one.fingerprint == two.fingerprint


# A private disk of 200 kB, which is gone with the process. 3 × 600 texts of 120
# tokens need more, and so do the empty chunks of HDF5.
_ON_A_SMALL_DISK = """
import os, pathlib, sys
import tiny_records
from bert_cpu.data.manifest import load_manifest
from bert_cpu.errors import UserError

disk = pathlib.Path(sys.argv[1])
old = tiny_records.prepare(disk / "records", [("a", "x"), ("b", "y")])
rows = tiny_records.rows_of_lengths([120] * 600)
for record_format in ("tfrecord", "hdf5"):
    try:
        tiny_records.prepare(disk / "records", rows, record_format=record_format)
    except UserError as error:
        print(error)
    assert os.listdir(disk) == ["records"], os.listdir(disk)
    assert load_manifest(disk / "records") == old
"""


def test_a_full_disk_is_one_line_and_keeps_the_old_records(tmp_path):
    mounted = [
        *("unshare", "--map-root-user", "--mount", "sh", "-c"),
        'mount -t tmpfs -o size=200k none "$1" && exec "$2" -c "$3" "$1"',
        *("sh", str(tmp_path)),
    ]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*mounted, "true", ""], capture_output=True).returncode
    ):
        pytest.skip("no file system can be mounted here")
    tests = str(pathlib.Path(__file__).parent)
    path = os.pathsep.join([tests, str(pathlib.Path(tests).parent)])
    done = subprocess.run(
        [*mounted, sys.executable, _ON_A_SMALL_DISK],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # Whatever the form, pieces are written first.
    path = tmp_path / ".records.pieces" / "train-0000000.tfrecord"
    ending = " MB are free). Make room, then run the command again."
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(f"The disk is full: '{path}' could not be written (")
        assert line.endswith(ending)


def numbered(count):
    for number in range(count):
        text = f"text {number} of very many, and all of them are good films"
        yield Example(text, None, "xyz"[number % 3], f"row {number}")


@pytest.mark.slow
@pytest.mark.parametrize("record_format", FORMATS)
def test_texts_are_never_held(tmp_path, record_format):
    """Ten times as many texts, and no more of Python's memory."""

    def peak(count):
        readers = {
            "train": lambda: numbered(count),
            "validation": lambda: numbered(10),
            "test": lambda: numbered(10),
        }
        tracemalloc.start()
        manifest = prepare(
            tmp_path / str(count),
            Source("many", readers),
            record_format=record_format,
        )
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert manifest.splits["train"].examples == count
        return size

    peak(100)  # Imports, and what is made once.
    # The texts alone are over 18 MB more, and each has a word of its own: of these
    # 80,000 are remembered.
    assert peak(300_000) < peak(100_000) + 4e6


_PREPARE = """
import resource, sys
from bert_cpu.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""


@pytest.mark.slow
def test_two_million_rows_stream_through_the_command(tmp_path):
    """100 times as many rows take less than 150 MB more."""
    tiny_command.write_alphabet_encoder(tmp_path / "encoder")
    project = pathlib.Path(__file__).parent.parent

    def peak_mb(count):
        path = tmp_path / f"{count}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows([f"film {n}, good", "xyz"[n % 3]] for n in range(count))
        output = tmp_path / f"records-{count}"
        done = subprocess.run(
            [
                *(sys.executable, "-c", _PREPARE, "prepare", "--data", str(path)),
                *("--encoder", str(tmp_path / "encoder"), "--output", str(output)),
                *("--max-length", "64"),
            ],
            env=os.environ | {"PYTHONPATH": str(project)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        manifest = load_manifest(output)
        assert sum(split.examples for split in manifest.splits.values()) == count
        shutil.rmtree(output)
        path.unlink()
        return int(done.stdout.split()[-1]) * 1024 / 1e6

    few, many = peak_mb(20_000), peak_mb(2_000_000)
    print(f"20,000 rows: {few:.0f} MB; 2,000,000 rows: {many:.0f} MB")
    assert many < few + 150

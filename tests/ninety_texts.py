"""Records of ninety short texts, and what one process makes of them."""

import functools
import pathlib
import tempfile

import tiny_records
from tiny_records import rows_of_lengths

ROWS = rows_of_lengths([5 + number % 9 for number in range(90)])
ROWS[7:7] = [("", "neg"), (" ", "pos")]  # Left out, and so not to be counted on.


def content_of(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def prepare(directory, rows=ROWS, task=None, **options):
    return tiny_records.prepare(directory, rows, task, shard_size=25, **options)


@functools.cache
def whole(task_type, record_format):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name) / "whole"
        prepare(directory, task=task_type(), record_format=record_format)
        return content_of(directory)

"""Texts to make records of, and the refusal of others."""

from refusal import refusal_of
from tiny_records import prepare

FORMATS = ("tfrecord", "hdf5")
ROWS = [("a good film", "pos"), ("bad", "neg"), ("love, love!", "pos")]


def refused(directory, source, **settings):
    message = refusal_of(prepare, directory / "records", source, **settings)
    assert list(directory.iterdir()) == []
    return message

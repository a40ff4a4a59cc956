"""Files of numbered texts, and what is read of them."""

import hashlib

from bert_cpu.data.sources import open_source as door
from bert_cpu.tasks.classify import Classify

TEXTS = [f"text number {number}" for number in range(300)]


def open_source(settings, task=None):
    return door.open_source(settings, task or Classify())


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8", newline="")
    return str(path)


def write_csv(tmp_path, texts, name="a.csv", header="text,label"):
    rows = [f"{text},{index % 2}" for index, text in enumerate(texts)]
    return write(tmp_path, name, "\n".join([header, *rows]))


def texts_of(source):
    return {split: [e.text for e in read()] for split, read in source.splits.items()}


def expected_split(text):
    bucket = int(hashlib.md5(text.encode()).hexdigest(), 16) % 10
    return {0: "test", 1: "validation"}.get(bucket, "train")

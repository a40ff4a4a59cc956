"""The samples of data/ are what its README says."""

import csv
import hashlib
import json
import pathlib

import pytest

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"


def read_rows(name):
    with open(DATA / name, encoding="utf-8", newline="") as file:
        if name.endswith(".jsonl"):
            return [json.loads(line) for line in file]
        delimiter = "\t" if name.endswith(".tsv") else ","
        return list(csv.DictReader(file, delimiter=delimiter, strict=True))


@pytest.mark.parametrize(
    "name, num_rows, labels",
    [
        ("reviews_en.csv", 60, {"pos", "neg"}),
        ("reviews_zh.tsv", 60, {"好评", "差评"}),
        ("topics.csv", 60, {"cooking", "science", "sport", "travel"}),
        ("pairs.jsonl", 50, {"same", "different"}),
    ],
)
def test_each_label_is_in_all_three_splits(name, num_rows, labels):
    rows = read_rows(name)
    assert len(rows) == num_rows
    splits = {"train": set(), "validation": set(), "test": set()}
    for row in rows:
        assert all(row.values()), row
        bucket = int(hashlib.md5(row["text"].encode()).hexdigest(), 16) % 10
        split = {0: "test", 1: "validation"}.get(bucket, "train")
        splits[split].add(row["label"])
    assert splits == dict.fromkeys(splits, labels)


def test_the_readme_lists_every_sample():
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    samples = [path.name for path in DATA.iterdir() if path.name != "README.md"]
    assert len(samples) == 4
    assert all(f"| `{name}` |" in readme for name in samples)

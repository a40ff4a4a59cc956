"""Data that cannot be trained on."""

import json
import os
import pathlib

import pytest
from files_typed import write_rows
from tiny_command import succeed


@pytest.mark.parametrize(
    "name, content, mistake",
    [
        ("no.csv", None, "There is no file 'no.csv'. Check the name."),
        ("a.csv", b"", "'a.csv' has no rows. Give a file with texts in it."),
        (
            "a.csv",
            b"text,label\n",
            "'a.csv' has no rows. Give a file with texts in it.",
        ),
        (
            "a.csv",
            b"text,label\nok,pos\ncaf\xe9,neg\n",
            "a.csv line 3 is not UTF-8 (byte 21 of the file is 0xe9). Save the file as "
            "UTF-8.",
        ),
        (
            "a.csv",
            b"review,stars\nok,5\n",
            "a.csv line 2 has no column 'text' (it has: review, stars). Name one of "
            "them with --text.",
        ),
        (
            "a.jsonl",
            b'{"text": "ok", "stars": 5}\n',
            "a.jsonl line 1 has no column 'label' (it has: text, stars). Name one of "
            "them with --label.",
        ),
        (
            "a.csv",
            b'text,label\nok,pos\n"never closed,neg\nok,pos\n',
            "a.csv line 3 is not well formed (unexpected end of data). Close its "
            'quotes, and write a quote within a quoted field twice ("").',
        ),
        (
            "a.csv",
            b'text,label\nok,pos\n"so "called" film",neg\n',
            "a.csv line 3 is not well formed (',' expected after '\"'). Close its "
            'quotes, and write a quote within a quoted field twice ("").',
        ),
        (
            "a.tsv",
            b"text\tlabel\nok\tpos\nok\n",
            "a.tsv line 3 has 1 columns, but the first row has 2. Quote fields that "
            "hold the separator.",
        ),
        (
            "a.jsonl",
            b'{"text": "ok", "label": "pos"}\n{"text": "ok"\n',
            "a.jsonl line 2 is not well-formed JSON (Expecting ',' delimiter at column "
            "14). Write one JSON object a line.",
        ),
        (
            "a.csv",
            b"text,label\nok,pos\nok,\n",
            "a.csv line 3 has no label (column 'label' is empty). Fill it in, or leave "
            "the row out.",
        ),
        (
            "a.xlsx",
            b"PK",
            "'a.xlsx' ends in '.xlsx', which is not known. Give a file that ends in "
            ".csv, .tsv, .jsonl, .txt.",
        ),
    ],
)
def test_a_file_that_cannot_be_trained_on(train, here, name, content, mistake):
    if content is not None:
        pathlib.Path(name).write_bytes(content)
    assert train(name).mistake == mistake
    assert not list(here.glob("runs/*"))


def test_a_single_class(train):
    assert train(write_rows("a.csv", label="pos")).mistake == (
        "'a.csv' has only the label 'pos', but two or more are needed. Is this the "
        "right column? Name it with --label."
    )


def test_a_label_of_the_test_split_that_training_never_saw(train):
    pathlib.Path("test.csv").write_text("text,label\nok,pos\nfilm,meh\n")
    assert train(write_rows("a.csv"), "--test", "test.csv").mistake == (
        "test.csv line 3 is in the test split and has the label 'meh', which training "
        "never sees (it has: neg, pos). Correct the label, add examples of it to the "
        "training split, or name another column with --label."
    )


def test_a_label_for_each_text(train):
    pathlib.Path("a.csv").write_text(
        "label,text\n" + "".join(f"{row},film {row}\n" for row in range(60))
    )
    said = train("a.csv").mistake
    assert said.startswith("a.csv line ")
    assert "which training never sees (it has: 0, " in said
    assert said.endswith("or name another column with --label.")


def test_too_few_rows_to_split(train):
    # By the hash of their texts, all of these are in the training split.
    rows = write_rows("a.csv", 3, text=lambda row: ("a", "b", "d")[row])
    assert train(rows).mistake == (
        "The validation split of 'a.csv' is empty. Give more texts, or a file of its "
        "own with --validation."
    )


def test_a_directory_that_is_not_prepared(train):
    os.mkdir("texts")
    assert train("texts").mistake == (
        "--data 'texts' is a directory, but not one of prepared records (it has no "
        "manifest.json). Give a csv, tsv or jsonl file, or prepare one with `bert-cpu "
        "prepare`."
    )


def test_a_data_set_that_is_not_known(train):
    said = train("tfds:nowhere").mistake
    assert said.startswith("There is no data set 'tfds:nowhere'. Ours are bbc_news, ")


def test_only_empty_texts(train):
    rows = [write_rows("a.csv")]
    for split in ("validation", "test"):
        pathlib.Path(f"{split}.csv").write_text('text,label\n"",pos\n" ",neg\n')
        rows += [f"--{split}", f"{split}.csv"]
    assert train(*rows).mistake == (
        "The validation split of 'a.csv' has only empty texts. Look at its column "
        "'text'."
    )


def test_empty_and_long_texts_are_counted_and_said(here, encoder):
    rows = write_rows(
        "a.csv", text=lambda row: (f"film {row}", " ", f"long {'x' * 20}")[row % 3]
    )
    said = succeed("prepare", "--data", rows, "--encoder", encoder, "--max-length", 20)
    manifest = json.loads((here / "records" / "manifest.json").read_text())
    splits = manifest["splits"].values()
    assert sum(split["empty_texts"] for split in splits) == 20
    assert sum(split["cut_texts"] for split in splits) == 20
    assert sum(split["examples"] for split in splits) == 40
    train = manifest["splits"]["train"]
    assert (
        f"train: {train['examples']} examples; {train['cut_texts']} texts were longer "
        f"than 20 tokens and cut, {train['empty_texts']} were empty and left out"
    ) in said.err.splitlines()

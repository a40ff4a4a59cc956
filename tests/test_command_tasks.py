"""The commands on what is not two classes of single English texts."""

import json

import numpy as np
import pytest
from tiny_command import (
    DATA,
    QUICK,
    CommandRun,
    bert_cpu,
    succeed,
    train_and_export,
    write_alphabet_encoder,
)

# One length is converted, not two: half the time.
SHORT = ("--max-length", 16)


def answers(*arguments, stdin=b""):
    outcome = succeed("predict", *arguments, "--json", stdin=stdin)
    return [json.loads(line) for line in outcome.out.splitlines()]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tasks")
    write_alphabet_encoder(directory / "encoder")
    return directory


@pytest.fixture(scope="module")
def pairs(directory):
    options = ("--data", DATA / "pairs.jsonl", "--text-pair", "text_pair")
    return train_and_export(directory, "pairs", *options, *SHORT)


@pytest.fixture(scope="module")
def chinese(directory):
    options = ("--data", DATA / "reviews_zh.tsv", "--normalize")
    return train_and_export(directory, "评论", *options, *SHORT)


@pytest.fixture(scope="module")
def topics(directory):
    """Four classes, prepared as HDF5 in a command of its own, of stemmed words.

    All is named relative to where one stands; --max-length and --stem are typed
    once, since the records know them.
    """
    encoder = ("--encoder", "encoder")
    form = ("--output", "topics records", "--record-format", "hdf5")
    data = ("--data", "topics records", "--class-weights", "balanced")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        source = ("--data", DATA / "topics.csv", "--stem", "english")
        succeed("prepare", *source, *encoder, *form, *SHORT)
        trained = succeed("train", "--name", "topics", *data, *encoder, *QUICK[2:])
        exported = succeed("export", "--name", "topics", "--threads", 1)
    run_dir = directory / "runs" / "topics"
    return CommandRun(run_dir, directory / "encoder", trained, exported)


def test_pairs_are_answered_alike_however_they_are_given(pairs, tmp_path):
    first, second = "Is it open?", "Opening hours?"
    (expected,) = answers(pairs.directory, first, "--pair", second)
    assert expected["text"] == first
    assert list(expected["probabilities"]) == ["different", "same"]

    path = tmp_path / "a.csv"
    path.write_text(f"b,text\n{second},{first}\n")
    assert answers(pairs.directory, "--file", path, "--text-pair", "b") == [expected]
    line = f"{first}\t{second}\n".encode()
    assert answers(pairs.directory, "--text-pair", "b", stdin=line) == [expected]


def test_the_second_text_counts(pairs):
    (a,) = answers(pairs.directory, "Is it open?", "--pair", "Opening hours?")
    (b,) = answers(pairs.directory, "Is it open?", "--pair", "a")
    assert a["probabilities"] != b["probabilities"]


def test_a_model_of_pairs_wants_pairs(pairs):
    assert bert_cpu("predict", pairs.directory, "one").mistake == (
        "Text 1: The model reads a pair of texts at a time, but got one text. Give it "
        "what it was trained on."
    )


def test_mistakes_of_pairs_have_both_texts(pairs):
    lines = (DATA / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    texts = {(row["text"], row["text_pair"], row["label"]) for row in rows}
    lines = (pairs.directory / "mistakes.jsonl").read_text(encoding="utf-8")
    mistakes = [json.loads(line) for line in lines.splitlines()]
    assert mistakes
    for mistake in mistakes:
        assert (mistake["text"], mistake["text_pair"], mistake["label"]) in texts


def test_chinese_is_read_character_by_character(chinese):
    metrics = chinese.read_json("metrics.json")
    assert metrics["labels"] == ["好评", "差评"]
    labels = (chinese.directory / "tflite" / "labels.txt").read_text(encoding="utf-8")
    assert labels == "好评\n差评\n"
    assert metrics["data"]["empty_texts"] == 0
    # Most of these reviews have 14 characters and more, each one a token.
    assert metrics["data"]["length_histogram"]["16"] > 30


def test_chinese_is_answered_as_it_was_written(chinese):
    (answer,) = answers(chinese.directory, "声音小，做饭快")
    assert answer["text"] == "声音小，做饭快"
    assert answer["label"] in ("好评", "差评")
    printed = succeed("predict", chinese.directory, "声音小，做饭快").out
    assert printed.startswith(f"{answer['label']}\t0.")
    assert printed.endswith("\t声音小，做饭快\n")


def test_normalisation_reaches_the_converted_model(chinese):
    wide, narrow, other = answers(chinese.directory, "ＡＢＣ", "ABC", "ABD")
    assert wide["text"] == "ＡＢＣ"
    assert wide["probabilities"] == narrow["probabilities"]
    assert other["probabilities"] != narrow["probabilities"]


def test_stemming_reaches_the_converted_model(topics):
    """Through the records, the bundle and model.json."""
    raced, racing, other = answers(topics.directory, "raced", "racing", "raining")
    assert raced["probabilities"] == racing["probabilities"]
    assert other["probabilities"] != raced["probabilities"]


def test_many_classes_are_told_apart(topics, directory):
    metrics = topics.read_json("metrics.json")
    labels = ["cooking", "science", "sport", "travel"]
    assert metrics["labels"] == labels
    # data/topics.csv by the hash of its texts: 43, 5 and 12, each text once.
    assert metrics["test"]["examples"] == 12
    assert np.shape(metrics["test"]["confusion_matrix"]) == (4, 4)
    assert metrics["train"]["examples"] == 43
    (answer,) = answers(topics.directory, "The match ended in a draw")
    assert list(answer["probabilities"]) == labels
    assert sum(answer["probabilities"].values()) == pytest.approx(1)


def test_prepared_records_are_trained_on_where_they_are(topics, directory):
    assert {path.name for path in (directory / "topics records").iterdir()} == {
        *("train.h5", "validation.h5", "test.h5", "manifest.json")
    }
    assert not (topics.directory / "records").exists()
    assert topics.read_json("config.json")["class_weights"] == "balanced"


def test_a_run_of_prepared_records_is_evaluated_from_anywhere(
    topics, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    measured = json.loads(succeed("evaluate", *topics.where, "--json").out)
    expected = topics.read_json("metrics.json")["test"]
    assert measured["accuracy"] == expected["accuracy"]
    assert measured["confusion_matrix"] == expected["confusion_matrix"]

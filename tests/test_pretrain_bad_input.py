"""Every mistake with what is pre-trained is one line, and leaves nothing."""

import json
import pathlib

import pytest
import tiny_bundle
import tiny_pretraining
from tiny_command import bert_cpu
from tiny_pretraining import words_of

from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.stored_settings import load_settings, save_settings


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory to stand in, with a corpus in it."""
    tiny_pretraining.write_texts(tmp_path / "texts.txt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mistake(name, *options):
    """What is said of a command that is refused, and leaves nothing."""
    said = bert_cpu(*words_of(name, *options)).mistake
    assert not pathlib.Path("runs", name).exists()
    return said


def test_documents_must_be_there(here):
    assert mistake("bad", "--data", "no.txt") == (
        "--data 'no.txt' is not there. Give a .txt file or a directory of them, a file "
        "with columns, or tfds:NAME."
    )
    pathlib.Path("empty.txt").write_text("\n\n \n")
    assert mistake("bad", "--data", "empty.txt") == (
        "'empty.txt' has no document with text in it. Give plain text, and name "
        "its column if it has columns."
    )
    pathlib.Path("few.txt").write_text("One.\nTwo.\n\nThree.\nFour.\n")
    assert mistake("bad", "--data", "few.txt") == (
        "'few.txt' has 2 documents, but at least 4 different ones are needed, as some "
        "are held out. Put blank lines between documents, or say --one-per-line."
    )


def test_a_vocabulary_must_cover_the_documents(here):
    said = mistake("bad", "--vocab-size", 40, "--most-unknown", 0.001)
    assert "of all tokens are unknown to the vocabulary, most often for " in said
    assert said.endswith(
        "but 0.1% at most is useful. Ask for a larger --vocab-size of a new encoder, "
        "or choose an --encoder of this language."
    )


@pytest.mark.parametrize(
    "options, said",
    [
        (
            ("--num-heads", 3),
            "--hidden-size is 32, but must be a multiple of num_heads=3.",
        ),
        (("--mask-share", 1), "--mask-share is 1.0, but must be a share in (0, 1)."),
        (
            ("--short-length", 7),
            "--short-length is 7, but must be 8 or more.",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(here, options, said):
    assert mistake("bad", *options).startswith(said)


def test_an_encoder_with_weights_is_not_started(here):
    assert mistake("bad", "--encoder", "minilm", "--start", "neighbours") == (
        "--start is neighbours, but 'minilm' brings its own weights. Give --start or "
        "--encoder, not both. See bert-cpu pretrain --help."
    )


@pytest.mark.parametrize(
    "typed, said",
    [
        (("--num-layers", 2), "--num-layers"),
        (("--hidden-size", 32), "--hidden-size"),
        (("--num-heads", 2), "--num-heads"),
        (("--vocab-size", 200), "--vocab-size"),
        (("--no-lowercase",), "--no-lowercase"),
        (("--no-lowercase", "--num-layers", 2), "--num-layers, --no-lowercase"),
    ],
)
def test_an_encoder_keeps_its_size_and_words(here, typed, said):
    assert mistake("bad", "--encoder", "minilm", *typed) == (
        f"Got {said} for a new encoder beside --encoder minilm, which has its own size "
        "and words. Give one of the two."
    )


def test_a_run_that_was_begun_with_both_is_read_and_gone_on_with(here):
    """As it was when one was ignored."""
    settings = PretrainSettings(encoder="minilm", num_layers=2, name="old")
    settings.run_dir.mkdir(parents=True)
    save_settings(settings, settings.run_dir / "config.json")
    assert load_settings(settings.run_dir / "config.json") == settings
    assert bert_cpu("pretrain", "--name", "old", "--resume").mistake == (
        "'runs/old' has no checkpoint to go on from. Start again with --overwrite."
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_an_encoder_is_asked_no_longer_sequences_than_it_has_positions(here, workers):
    tiny_bundle.write_bundle(here / "encoder")
    most = tiny_bundle.CONFIG["max_position_embeddings"]
    options = ("--encoder", "encoder", "--most-unknown", 0.99, "--workers", workers)
    assert mistake("bad", *options, "--max-length", most + 1) == (
        f"--max-length is {most + 1}, but 'encoder' has only {most} positions. Ask for "
        f"{most} or fewer."
    )


def test_workers_have_no_clock_in_common(here):
    assert mistake("bad", "--workers", 2, "--minutes", 5) == (
        "--minutes is 5 with 2 workers, but only one process can stop by the clock. "
        "Give --minutes 0 and --epochs, or leave --workers out. See bert-cpu pretrain "
        "--help."
    )


def test_workers_of_several_machines_have_no_clock_in_common(here, monkeypatch):
    cluster = {"worker": ["127.0.0.1:5001", "127.0.0.1:5002"]}
    task = {"type": "worker", "index": 1}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    pathlib.Path("records").mkdir()
    pathlib.Path("records", "manifest.json").write_text("{}")
    words = ("train", "--data", "records", "--minutes", 2)
    assert bert_cpu(*words).mistake == (
        "--minutes is 2, but the 2 workers of TF_CONFIG have no clock in common. Give "
        "--epochs instead."
    )

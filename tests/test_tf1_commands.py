"""Every command that takes an encoder takes one of Google's original checkpoints."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tiny_bundle
import tiny_original
import tiny_run
from tiny_command import bert_cpu, succeed

QUICK = (
    *("--max-length", 16, "--epochs", 1, "--batch-size", 16),
    *("--threads", 1, "--dtype", "float32"),
)
ENCODERS = ("original", "converted")


@pytest.fixture(scope="module", autouse=True)
def here(tmp_path_factory):
    """A directory to stand in, with one model as Google and as Hugging Face keep it."""
    directory = tmp_path_factory.mktemp("tf1")
    tiny_original.write_original(directory / "original")
    tiny_bundle.write_bundle(directory / "converted", tiny_original.weights())
    for split, num_rows in (("train", 40), ("validation", 10), ("test", 10)):
        tiny_run.write_reviews(directory / f"{split}.csv", num_rows)
    rows = (directory / "train.csv").read_text().splitlines()[1:]
    texts = dict.fromkeys(row.partition(",")[0] for row in rows)
    (directory / "texts.txt").write_text("\n".join(texts))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        yield directory


def files():
    splits = ("data", "train"), ("validation", "validation"), ("test", "test")
    return [word for name, split in splits for word in (f"--{name}", f"{split}.csv")]


def assert_learned_alike(command, *options):
    """Trains from both directories: the same weights come out, to the last bit."""
    trained = []
    for encoder in ENCODERS:
        name = f"{command} {encoder}"
        succeed(command, "--encoder", encoder, "--name", name, *options, *QUICK)
        trained.append(tiny_run.trained_weights(f"runs/{name}"))
    assert trained[0].keys() == trained[1].keys()
    before = tiny_original.weights()
    for name, value in trained[0].items():
        np.testing.assert_array_equal(value, trained[1][name], err_msg=name)
    name = "bert.embeddings.word_embeddings.weight"
    moved = np.abs(trained[0][name] - before[name])
    assert 0 < moved.max() < 0.1, "it starts from the checkpoint, and learns"


def test_train_learns_what_it_does_from_the_same_weights_converted():
    assert_learned_alike("train", *files(), "--keep-layers", 1)


@pytest.mark.slow
def test_pretrain_learns_what_it_does_from_the_same_weights_converted():
    assert_learned_alike(
        *("pretrain", "--data", "texts.txt", "--one-per-line", "--minutes", 0)
    )


def test_what_is_prepared_for_it_has_its_tokenizer():
    options = ("--encoder", "original", "--max-length", 16)
    succeed("prepare", *files(), *options, "--output", "records")
    assert "no fault" in succeed("fsck", "records", "--encoder", "original").out


def test_hardware_tells_its_size_without_tensorflow(here):
    # Where these can't be imported.
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('tensorflow', 'keras', 'transformers')))\n"
        "from bert_cpu.cli import main\n"
        "sys.exit(main(['hardware', '--encoder', sys.argv[1], '--json']))"
    )
    fits = []
    for encoder in ENCODERS:
        done = subprocess.run(
            [sys.executable, "-c", code, encoder],
            env=tiny_run.environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        fits.append(json.loads(done.stdout)["model"])
    counted = sum(
        value.size
        for name, value in tiny_original.weights().items()
        if name.startswith("bert.")
    )
    assert fits[0]["parameters"] == counted
    assert [each.pop("encoder") for each in fits] == list(ENCODERS)
    assert fits[0]["training"]["total"] == fits[1]["training"]["total"] > 0


def test_hardware_knows_no_checkpoint_by_its_config_alone(here):
    (here / "half").mkdir()
    (here / "half" / "bert_config.json").write_text("{}")
    assert bert_cpu("hardware", "--encoder", "half").mistake == (
        "--encoder 'half' has no config.json, nor a bert_config.json beside its "
        "*.ckpt.index. Give minilm, or the directory of a BERT checkpoint."
    )


@pytest.mark.slow
def test_tune_tries_settings_on_it():
    where = ("--encoder", "original", "--max-length", 16, "--name", "tuned")
    options = ("--algorithm", "random", "--trials", 1, "--final-seeds", 0)
    words = ("tune", *files(), *where, *options, "--epochs", 1)
    command = [sys.executable, "-m", "bert_cpu.cli", *map(str, words)]
    done = subprocess.run(
        command, env=tiny_run.environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(pathlib.Path("sweeps/tuned/sweep.json").read_text())
    assert [trial["status"] for trial in summary["trials"]] == ["completed"]

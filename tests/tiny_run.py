"""Training runs of a tiny BERT on made-up reviews: a second each."""

import dataclasses
import json
import os
import pathlib
import random
import sys

import tiny_bundle
from safetensors.numpy import load_file

from bert_cpu.settings import TrainSettings

TESTS = pathlib.Path(__file__).resolve().parent
POSITIVE, NEGATIVE, PLAIN = ("lovely", "good"), ("dull", "bad"), ("a", "film", "long")


def write_encoder(directory, **config):
    """A checkpoint with random weights, as `--encoder` takes it.

    Its dropout is high, so that a run whose random numbers differ is found out.
    """
    config = {
        **tiny_bundle.CONFIG,
        "num_hidden_layers": 1,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "hidden_dropout_prob": 0.25,
        "attention_probs_dropout_prob": 0.25,
        **config,
    }
    return tiny_bundle.write_bundle(
        directory, tiny_bundle.random_weights(config), config
    )


def write_reviews(path, num_rows, num_negative=None):
    """A csv of short reviews; the same rows each time for the same name."""
    chance = random.Random(path.name)
    rows = ["text,label"]
    for row in range(num_rows):
        is_negative = row % 2 if num_negative is None else row < num_negative
        words = chance.choices(PLAIN, k=chance.randint(1, 9))
        words += chance.choices(NEGATIVE if is_negative else POSITIVE, k=1)
        rows.append(f"{' '.join(words)},{'neg' if is_negative else 'pos'}")
    path.write_text("\n".join(rows) + "\n")
    return str(path)


def tiny_settings(directory, **changes):
    """Settings of a run on 70 reviews: 18 steps an epoch, the last one uneven.

    The encoder and the reviews are written to `directory` unless they are there.
    """
    directory.mkdir(exist_ok=True)
    if not (directory / "encoder").exists():
        write_encoder(directory / "encoder")
    files = {
        field: str(directory / f"{split}.csv")
        if (directory / f"{split}.csv").exists()
        else write_reviews(directory / f"{split}.csv", num_rows)
        for field, split, num_rows in (
            ("data", "train", 70),
            ("validation", "validation", 21),
            ("test", "test", 20),
        )
    }
    settings = TrainSettings(
        **files,
        encoder=str(directory / "encoder"),
        max_length=16,
        name="tiny",
        runs_dir=str(directory / "runs"),
        epochs=2,
        batch_size=4,
        learning_rate=1e-3,
        ema=0.0,
        dtype="float32",
        threads=1,
    )
    return dataclasses.replace(settings, **changes)


def prepare(settings, directory):
    """Prepares the settings' files as a run on them does; gives the manifest."""
    from bert_cpu.data.prepare import prepare_records
    from bert_cpu.data.sources.open_source import open_source
    from bert_cpu.models.load_tokenizer import load_tokenizer
    from bert_cpu.task_catalog import make_task

    task = make_task(settings)
    tokenizer = load_tokenizer(pathlib.Path(settings.encoder))
    source = open_source(settings, task)
    return prepare_records(source, settings, tokenizer, pathlib.Path(directory), task)


def run(settings, screen=None):
    """Starts a run and trains it in this process; gives what metrics.json holds."""
    from bert_cpu.training.cluster.cluster import Cluster
    from bert_cpu.training.run_directory import start_run
    from bert_cpu.training.screen import Screen
    from bert_cpu.training.train import run_training

    return run_training(start_run(settings), Cluster(), screen or Screen(quiet=True))


def command(settings):
    """The command line that means `settings`."""
    words = [sys.executable, "-m", "bert_cpu.cli", "train"]
    defaults = TrainSettings()
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if value != getattr(defaults, field.name):
            words.append("--" + field.name.replace("_", "-"))
            words += [] if value is True else [str(value)]
    return words


def environment():
    """Variables for a command that is started outside the project's directory."""
    paths = [str(TESTS.parent), str(TESTS), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def trained_weights(run_dir):
    """Tensor name -> array, of the bundle."""
    return load_file(pathlib.Path(run_dir) / "bundle" / "model.safetensors")


def read_lines(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]

"""Pre-training by its command: what a run leaves, and how it stops and goes on."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tiny_bundle
import tiny_command
import tiny_pretraining
import tiny_run
from safetensors.numpy import load_file
from tiny_command import bert_cpu, succeed
from tiny_pretraining import words_of

from bert_cpu.commands import pretrain as pretrain_command
from bert_cpu.data.pretraining.manifest import load_pretraining_manifest
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.start_neighbours import start_neighbours
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.report.next_steps import next_steps
from bert_cpu.training import pretrain, word_start
from bert_cpu.training.history import read_history
from bert_cpu.training.screen import Screen


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A directory to stand in, with a corpus in it."""
    directory = tmp_path_factory.mktemp("pretrain")
    tiny_pretraining.write_texts(directory / "texts.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        yield directory


def run(name, *options):
    """Pre-trains; gives the run's directory."""
    succeed(*words_of(name, *options))
    return pathlib.Path("runs") / name


@pytest.fixture(scope="module")
def first(here):
    return here / run("first")


def metrics_of(run_dir):
    return json.loads((run_dir / "metrics.json").read_text())


def guessing_perplexity(run_dir):
    """Of what the held-out records hide, by the pieces' shares in training."""
    manifest = load_pretraining_manifest(run_dir / "pretraining")
    train, held_out = (
        tiny_pretraining.read_as_the_original(
            manifest.open_shards(split, tiny_pretraining.LENGTH).paths,
            tiny_pretraining.LENGTH,
            tiny_pretraining.MOST,
        )
        for split in ("train", "validation")
    )
    pieces = np.concatenate([tiny_pretraining.unmasked(record) for record in train])
    counts = np.bincount(pieces, minlength=200) + 1.0
    hidden = np.concatenate(
        [
            np.array(record["masked_lm_ids"])[np.array(record["masked_lm_weights"]) > 0]
            for record in held_out
        ]
    )
    return np.exp(-np.log(counts[hidden] / counts.sum()).mean())


def assert_same(run_dir, expected):
    weights, wanted = map(tiny_run.trained_weights, (run_dir, expected))
    assert weights.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(weights[name], value, err_msg=name)


# --- what a run leaves ---


def test_a_run_has_all_that_belongs_to_it(first):
    assert {path.name for path in first.iterdir()} >= {
        *("config.json", "metrics.json", "report.html", "bundle", "checkpoints"),
        *("pretraining", "records"),
    }
    metrics = metrics_of(first)
    assert metrics["task"] == "fill"
    assert metrics["metrics"] == [
        *("masked_accuracy", "perplexity", "next_sentence_accuracy")
    ]
    # Better than a guess by how frequent pieces are.
    assert 1 < metrics["validation"]["perplexity"] < 0.9 * guessing_perplexity(first)
    assert metrics["data"]["documents"]["train"] > 100


def test_a_bundle_has_the_names_of_transformers_and_the_best_weights(first):
    config = json.loads((first / "bundle" / "config.json").read_text())
    shape = {name: config[name] for name in tiny_bundle.CONFIG if name in config}
    names = set(tiny_bundle.random_weights(shape))
    names -= {"classifier.weight", "classifier.bias"}
    heads = {
        *("transform.dense.weight", "transform.dense.bias", "bias"),
        *("transform.LayerNorm.weight", "transform.LayerNorm.bias"),
    }
    names |= {f"cls.predictions.{name}" for name in heads}
    names |= {"cls.seq_relationship.weight", "cls.seq_relationship.bias"}
    weights = tiny_run.trained_weights(first)
    assert set(weights) == names

    best = list(load_file(max(first.glob("checkpoints/best-*"))).values())
    for name, value in weights.items():
        assert any(
            np.array_equal(value.T, kept.reshape(value.T.shape))
            or np.array_equal(value, kept.reshape(value.shape))
            for kept in best
            if kept.size == value.size
        ), name
    checkpoint = open_checkpoint(str(first / "bundle"))
    assert checkpoint.config.num_hidden_layers == 2
    assert len(checkpoint.tokenizer) == checkpoint.config.vocab_size <= 200


@pytest.mark.slow
def test_a_bundle_fills_in_words_and_is_fine_tuned(first):
    where = ("--name", first.name)
    succeed("export", *where, "--threads", 1)
    out = succeed("predict", first, "我们[MASK]欢电影。", "--json").out
    assert len(json.loads(out)["fills"]) == 1
    measured = json.loads(succeed("evaluate", *where, "--json").out)
    assert measured["masks"] >= measured["examples"] > 0
    data = tiny_command.DATA / "reviews_zh.tsv"
    # Its vocabulary has few of these texts' characters.
    tuned = ("--name", "tuned", "--encoder", first / "bundle", "--data", data)
    tuned += ("--most-unknown", 1)
    succeed("train", *tuned, *tiny_command.QUICK)


@pytest.mark.parametrize("start", ["cooccurrences", "neighbours", "random"])
def test_a_new_encoder_starts_as_it_is_told(here, start):
    # At this rate nothing is learned: the bundle holds what the run began with.
    still = ("--learning-rate", 1e-12, "--epochs", 1, "--num-layers", 1)
    told = () if start == "cooccurrences" else ("--start", start)
    bundle = run(start, *still, *told) / "bundle"
    config = json.loads((bundle.parent / "config.json").read_text())
    assert config["start"] == start

    checkpoint = open_checkpoint(str(bundle))
    encoder = build_encoder(checkpoint.config)
    assert checkpoint.assign_to(encoder, {}) == []
    keras.utils.set_random_seed(config["seed"])
    expected = build_encoder(checkpoint.config)
    if start != "random":
        start_neighbours(expected)
    if start == "cooccurrences":
        vectors = load_file(bundle.parent / "word_start.safetensors")["vectors"]
        assert np.any(vectors != 0, axis=1).mean() > 0.5
        table = expected.get_layer("embeddings").variables[0]
        size = np.sqrt(np.mean(table.numpy() ** 2))
        assert table.path == "embeddings/token/embeddings"
        is_known = np.any(vectors != 0, axis=1, keepdims=True)
        table.assign(np.where(is_known, vectors * size, table))
    for read, begun in zip(encoder.variables, expected.variables, strict=True):
        if "seed" not in read.path:
            np.testing.assert_allclose(read, begun, atol=1e-6, err_msg=read.path)


def test_workers_read_the_start_that_one_of_them_made(tmp_path, monkeypatch):
    settings = PretrainSettings(runs_dir=str(tmp_path), name="run", hidden_size=32)
    manifest = tiny_pretraining.prepare(tmp_path / "records")
    unwritten = word_start.open_word_start(settings, manifest, is_chief=False)
    assert not (settings.run_dir / word_start.FILE_NAME).exists()
    made = word_start.open_word_start(settings, manifest)
    monkeypatch.delattr(word_start, "count_cooccurrences")  # It would be missed.
    read = word_start.open_word_start(settings, manifest, is_chief=False)
    for each in (unwritten, read):
        np.testing.assert_array_equal(each.vectors, made.vectors)
        np.testing.assert_array_equal(each.bias, made.bias)
    neighbours = dataclasses.replace(settings, start="neighbours")
    assert word_start.open_word_start(neighbours, manifest) is None


@pytest.mark.slow
def test_going_on_from_a_bundle_starts_at_its_loss(first):
    options = ("--encoder", first / "bundle", "--learning-rate", 1e-12, "--epochs", 1)
    again = metrics_of(run("again", *options))["validation"]
    before = metrics_of(first)["validation"]
    assert again == pytest.approx(before, rel=1e-5)


# --- chance, stops, time ---


@pytest.mark.slow
def test_a_seed_fixes_every_bit(first):
    assert_same(run("same"), first)
    other = tiny_run.trained_weights(run("other", "--seed", 1))
    name = "bert.pooler.dense.weight"
    assert (other[name] != tiny_run.trained_weights(first)[name]).any()


def press(number):
    """Sends this process a signal, and returns when it was heard."""
    handler = signal.getsignal(number)
    os.kill(os.getpid(), number)
    while signal.getsignal(number) is handler:
        time.sleep(0.001)


class StopAt(Screen):
    """Asks the run to stop when a step is shown."""

    step = 0

    @contextlib.contextmanager
    def training(self, done, total):
        def show(step, epoch, loss, speed, total):
            if step == self.step:
                press(signal.SIGTERM)

        yield show


@pytest.fixture
def stopped(here, monkeypatch):
    """Starts a run that is stopped behind a step."""

    def stop(name, step, *options):
        with monkeypatch.context() as patch:
            patch.setattr(pretrain_command, "Screen", StopAt)
            patch.setattr(StopAt, "step", step)
            outcome = bert_cpu(*words_of(name, *options))
        assert outcome.code == 130, outcome.err
        assert f"after step {step + 1}, and saved" in outcome.err
        assert not pathlib.Path("runs", name, "bundle").exists()
        return pathlib.Path("runs") / name

    return stop


@pytest.mark.slow
@pytest.mark.parametrize("step", [2, 9])
def test_a_run_that_goes_on_ends_as_if_it_had_never_stopped(first, stopped, step):
    run_dir = stopped(f"stopped {step}", step)
    _, *words = shlex.split(next_steps(run_dir)[0][0])
    succeed(*words)
    assert_same(run_dir, first)


@pytest.mark.slow
def test_a_run_ends_in_its_time_with_a_rate_near_0(here):
    options = ("--minutes", 0.3, "--epochs", 1000)
    started = time.monotonic()
    run_dir = run("timed", *options)
    assert time.monotonic() - started < 120
    history = read_history(run_dir)
    assert history[-1]["epoch"] < 1000
    rates = [event["learning_rate"] for event in history if event["kind"] == "step"]
    assert max(rates) > 3e-4
    assert rates[-1] < 2e-4


@pytest.mark.slow
def test_the_first_epochs_read_short_sequences(here, monkeypatch):
    read = []
    batches_of = pretrain.pretraining_batches

    def spy(shards, batch_size, seed, epoch, *others):
        read.append((epoch, shards.length))
        return batches_of(shards, batch_size, seed, epoch, *others)

    monkeypatch.setattr(pretrain, "pretraining_batches", spy)
    run_dir = run("short", "--short-epochs", 1, "--short-length", 16)
    assert read == [(0, 16), (1, 32)]
    manifest = json.loads((run_dir / "pretraining" / "manifest.json").read_text())
    sizes = {
        info["length"]: info["examples"]
        for info in manifest["shards"]
        if info["split"] == "train"
    }
    assert set(sizes) == {16, 32}
    ends = [e["step"] for e in read_history(run_dir) if e["kind"] == "epoch"]
    assert ends == np.cumsum([-(-sizes[16] // 16), -(-sizes[32] // 16)]).tolist()


@pytest.mark.slow
@pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="a worker needs a core of its own"
)
def test_two_workers_learn_what_one_does(here):
    options = ("--dropout", 0, "--epochs", 1)
    one = run("one", *options)
    words = words_of("two", *options, "--workers", 2)
    subprocess.run(
        [sys.executable, "-m", "bert_cpu.cli", *map(str, words)],
        env=tiny_run.environment(),
        check=True,
        capture_output=True,
    )
    weights, wanted = map(tiny_run.trained_weights, ("runs/two", one))
    for name, value in wanted.items():
        np.testing.assert_allclose(weights[name], value, atol=1e-5, err_msg=name)


# --- mistakes with a run that is there ---


def test_a_run_that_is_there_is_left_as_it_is(first):
    before = (first / "metrics.json").read_bytes()
    assert bert_cpu(*words_of("first")).mistake == (
        "'runs/first' exists. Go on with it by --resume, replace it by --overwrite, or "
        "choose another --name."
    )
    assert (first / "metrics.json").read_bytes() == before


@pytest.mark.parametrize(
    "option, value, was",
    [
        ("--mask-share", 0.2, 0.15),
        ("--hidden-size", 64, 32),
        ("--seed", 3, 0),
        ("--start", "random", "cooccurrences"),
    ],
)
def test_a_run_goes_on_with_the_settings_that_it_had(first, option, value, was):
    words = ("pretrain", "--name", "first", "--resume", option, value)
    assert bert_cpu(*words).mistake == (
        f"{option} is {value}, but 'runs/first' was started with {was} and can only go "
        "on with that. Leave it out, or start again with --overwrite."
    )


@pytest.mark.parametrize("split", ["validation", "train"])
@pytest.mark.parametrize("option", [(), ("--skip-damaged",)])
def test_a_run_is_measured_on_what_it_holds_out(first, split, option):
    words = ("evaluate", "--name", "first", "--split", split, *option)
    assert bert_cpu(*words).mistake == (
        f"'runs/first' has no {split} split to measure on, but only test. Give --split "
        "test."
    )


def test_a_run_is_gone_on_with_by_the_command_that_began_it(first, reviews_run):
    expected = "was begun by another command. Go on with it by that one, or choose"
    said = bert_cpu("pretrain", *reviews_run.where, "--resume").mistake
    assert expected in said
    assert expected in bert_cpu("train", "--name", "first", "--resume").mistake

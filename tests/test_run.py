"""Whole runs of a tiny BERT in this process, and every file that they leave."""

import dataclasses
import json

import numpy as np
import pytest
import tiny_bundle
import tiny_run
from safetensors.numpy import load_file
from sklearn import metrics as sklearn_metrics

from bert_cpu.data.features import Featurizer
from bert_cpu.data.manifest import load_manifest
from bert_cpu.data.sources.open_source import open_source
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import read_config
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.tasks.classify import Classify

NUMBER, TEXT, INTEGER = (int, float), str, int
# What others read: key -> type, or what a dict holds.
CONTRACT = {
    "name": TEXT,
    "task": TEXT,
    "metrics": list,
    "seed": INTEGER,
    "labels": list,
    "encoder": TEXT,
    "parameters": INTEGER,
    "dtype": TEXT,
    "threads": INTEGER,
    "workers": INTEGER,
    "train": {
        "examples": INTEGER,
        "tokens": INTEGER,
        "seconds": NUMBER,
        "examples_per_second": NUMBER,
        "tokens_per_second": NUMBER,
        "peak_memory_mb": NUMBER,
    },
    "validation": {
        "loss": NUMBER,
        "accuracy": NUMBER,
        "macro_f1": NUMBER,
        "examples": INTEGER,
    },
    "test": {
        "loss": NUMBER,
        "accuracy": NUMBER,
        "macro_f1": NUMBER,
        "examples": INTEGER,
        "confusion_matrix": list,
        "per_label": {
            label: {
                "precision": NUMBER,
                "recall": NUMBER,
                "f1": NUMBER,
                "examples": INTEGER,
            }
            for label in ("neg", "pos")
        },
    },
    "data": {
        "cut_texts": INTEGER,
        "empty_texts": INTEGER,
        "unlabelled_texts": INTEGER,
        "unknown_share": dict.fromkeys(("train", "validation", "test"), NUMBER),
        "length_histogram": dict,
    },
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def plain_run(directory):
    """A finished run's directory, and what it returned."""
    settings = tiny_run.tiny_settings(directory, epochs=3, learning_rate=0.01)
    return settings.run_dir, tiny_run.run(settings)


def longhand(run_dir, split):
    """Labels by id, and logits of the bundle, by hand and in float64."""
    settings = tiny_run.tiny_settings(run_dir.parent.parent)
    bundle = run_dir / "bundle"
    weights = load_file(bundle / "model.safetensors")
    config = read_config(bundle / "config.json").to_dict()
    examples = list(open_source(settings, Classify()).splits[split]())
    featurize = Featurizer(
        Classify(),
        {"neg": 0, "pos": 1},
        load_tokenizer(bundle).backend_tokenizer,
        settings.max_length,
    )
    logits = [
        tiny_bundle.longhand_logits(
            weights, config, window.input_ids, window.token_type_ids
        )
        for features in featurize(examples)
        for window in features.windows
    ]
    labels = np.array([["neg", "pos"].index(example.label) for example in examples])
    return examples, labels, np.stack(logits)


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def test_a_run_leaves_the_files_that_were_promised(plain_run):
    run_dir, _ = plain_run
    assert sorted(path.name for path in run_dir.iterdir()) == [
        "bundle",
        "checkpoints",
        "config.json",
        "history.jsonl",
        "metrics.json",
        "mistakes.jsonl",
        "records",
        "report.html",
        "tensorboard",
    ]
    kept = sorted(path.name for path in (run_dir / "checkpoints").iterdir())
    assert [name for name in kept if not name.startswith("best-")] == [
        "step-00000036.json",
        "step-00000036.safetensors",
        "step-00000054.json",
        "step-00000054.safetensors",
    ]


def assert_has(found, contract, place="metrics.json"):
    for key, expected in contract.items():
        assert key in found, f"{place} has no {key}"
        if isinstance(expected, dict):
            assert_has(found[key], expected, f"{place}: {key}")
        else:
            assert isinstance(found[key], expected), f"{place}: {key}"


def test_metrics_have_every_key_that_others_read(plain_run):
    run_dir, returned = plain_run
    found = json.loads((run_dir / "metrics.json").read_text())
    assert_has(found, CONTRACT)
    assert found["labels"] == ["neg", "pos"]
    assert found["metrics"] == ["accuracy", "macro_f1"]
    assert (found["name"], found["task"], found["seed"]) == ("tiny", "classify", 0)
    assert (found["dtype"], found["threads"], found["workers"]) == ("float32", 1, 1)
    returned["data"]["length_histogram"] = {
        str(length): count
        for length, count in returned["data"]["length_histogram"].items()
    }
    assert found == json.loads(json.dumps(returned))


def test_metrics_count_what_was_trained_on(plain_run):
    run_dir, found = plain_run
    split = load_manifest(run_dir / "records").splits["train"]
    assert found["train"]["examples"] == 3 * split.examples == 3 * 70
    assert found["train"]["tokens"] == 3 * split.tokens
    for unit in ("examples", "tokens"):
        speed = found["train"][f"{unit}_per_second"] * found["train"]["seconds"]
        assert speed == pytest.approx(found["train"][unit])
    tensors = load_file(run_dir / "bundle" / "model.safetensors")
    assert found["parameters"] == sum(tensor.size for tensor in tensors.values())
    # TensorFlow alone is over 200 MB.
    assert 200 < found["train"]["peak_memory_mb"] < 100_000


@pytest.mark.parametrize("split", ["validation", "test"])
def test_bundle_answers_as_the_metrics_say(plain_run, split):
    run_dir, found = plain_run
    _, labels, logits = longhand(run_dir, split)
    predicted = logits.argmax(axis=-1)
    losses = -np.log(softmax(logits)[np.arange(len(labels)), labels])
    assert found[split]["examples"] == len(labels)
    assert found[split]["loss"] == pytest.approx(losses.mean(), abs=1e-5)
    assert found[split]["accuracy"] == pytest.approx((predicted == labels).mean())
    assert found[split]["macro_f1"] == pytest.approx(
        sklearn_metrics.f1_score(labels, predicted, average="macro", zero_division=0)
    )


def test_bundle_is_the_last_epoch_that_is_about_as_good_as_the_best(plain_run):
    run_dir, found = plain_run
    epochs = [
        event
        for event in tiny_run.read_lines(run_dir / "history.jsonl")
        if event["kind"] == "epoch"
    ]
    assert len(epochs) == 3
    kept, highest = epochs[0], epochs[0]["validation_accuracy"]
    for event in epochs[1:]:
        error = (highest * (1 - highest) / found["validation"]["examples"]) ** 0.5
        if event["validation_accuracy"] > highest - error:
            kept = event
        highest = max(highest, event["validation_accuracy"])
    assert found["best_epoch"] == kept["epoch"]
    for name in ("accuracy", "loss", "macro_f1"):
        assert found["validation"][name] == pytest.approx(kept[f"validation_{name}"])


def test_mistakes_are_the_wrong_answers_surest_first(plain_run):
    run_dir, _ = plain_run
    examples, labels, logits = longhand(run_dir, "test")
    predicted, sureness = logits.argmax(axis=-1), softmax(logits).max(axis=-1)
    wrong = [
        index for index in np.argsort(-sureness) if predicted[index] != labels[index]
    ]
    found = tiny_run.read_lines(run_dir / "mistakes.jsonl")
    assert [mistake["text"] for mistake in found] == [examples[i].text for i in wrong]
    for mistake, index in zip(found, wrong, strict=True):
        assert mistake["text_pair"] is None
        assert mistake["label"] == examples[index].label
        assert mistake["predicted"] == ["neg", "pos"][predicted[index]]
        assert mistake["probability"] == pytest.approx(sureness[index], abs=1e-5)
    assert 0 < len(wrong) < len(labels)


def test_smoothing_and_class_weights_reach_the_loss(directory):
    # All examples in one batch that is larger still, at a rate that moves nothing.
    (directory / "uneven").mkdir()
    tiny_run.write_reviews(directory / "uneven" / "train.csv", 40, num_negative=8)
    settings = tiny_run.tiny_settings(
        directory / "uneven",
        epochs=1,
        batch_size=100,
        learning_rate=1e-12,
        dropout=0.0,
        label_smoothing=0.3,
        class_weights="balanced",
    )
    tiny_run.run(settings)
    _, labels, logits = longhand(settings.run_dir, "train")
    targets = np.full(logits.shape, 0.15)
    targets[np.arange(40), labels] += 0.7
    losses = -(targets * np.log(softmax(logits))).sum(axis=-1)
    # 40 / (2 labels * 8 examples), and 40 / (2 * 32).
    expected = np.average(losses, weights=np.where(labels == 0, 2.5, 0.625))
    (epoch,) = tiny_run.read_lines(settings.run_dir / "history.jsonl")
    assert epoch["train_loss"] == pytest.approx(expected, abs=1e-5)
    assert abs(losses.mean() - expected) > 1e-3


def test_frozen_layers_are_bit_identical_and_the_others_learn_by_their_rates(directory):
    path = directory / "two_layers"
    path.mkdir()
    start = tiny_run.write_encoder(path / "encoder", num_hidden_layers=2)
    settings = tiny_run.tiny_settings(
        path,
        epochs=1,
        batch_size=100,
        freeze_layers=1,
        layer_decay=0.01,
        warmup=0.0,
        weight_decay=0.0,
        ema=0.5,
    )
    tiny_run.run(settings)
    before = load_file(start / "model.safetensors")
    after = tiny_run.trained_weights(settings.run_dir)
    frozen = ("bert.embeddings.", "bert.encoder.layer.0.")
    for name, value in after.items():
        if name.startswith(frozen):
            np.testing.assert_array_equal(value, before[name], err_msg=name)
    # Adam's first step is the rate, whatever the gradient. The only update has half
    # of the rate, as it is on the way to 0, and the average has 9/11 of it: at
    # first its momentum is 2/11.
    for name, rate in (
        ("bert.encoder.layer.1.output.dense.weight", 1e-5),
        ("bert.pooler.dense.weight", 1e-3),
    ):
        moved = np.abs(after[name] - before[name])
        assert np.median(moved) == pytest.approx(rate / 2 * 9 / 11, rel=0.02), name


def test_more_frozen_layers_than_there_are_is_said(directory):
    settings = tiny_run.tiny_settings(directory, name="frozen", freeze_layers=2)
    with pytest.raises(UserError, match=r"--freeze-layers is 2, but .* only 1 layers"):
        tiny_run.run(settings)


def test_only_the_layers_that_are_kept_are_trained_and_saved(directory):
    path = directory / "kept"
    path.mkdir()
    start = tiny_run.write_encoder(path / "encoder", num_hidden_layers=3)
    settings = tiny_run.tiny_settings(
        path, epochs=1, keep_layers=2, freeze_layers=1, learning_rate=1e-9
    )
    tiny_run.run(settings)
    config = json.loads((settings.run_dir / "bundle" / "config.json").read_text())
    assert config["num_hidden_layers"] == 2
    before = load_file(start / "model.safetensors")
    after = tiny_run.trained_weights(settings.run_dir)
    assert {name for name in after if ".layer." in name} == {
        name for name in before if ".layer.0." in name or ".layer.1." in name
    }
    for name, value in after.items():
        if not name.startswith("classifier"):
            np.testing.assert_allclose(value, before[name], atol=1e-6, err_msg=name)
    with pytest.raises(UserError, match=r"--freeze-layers is 3, but .* 2 layers left"):
        tiny_run.run(
            dataclasses.replace(settings, freeze_layers=3, name="frozen too far")
        )


@pytest.mark.parametrize("is_random", [False, True])
def test_random_weights_leave_the_encoder_unread(is_random, tmp_path):
    # At this rate, what training changes is far below what chance would.
    settings = tiny_run.tiny_settings(
        tmp_path, random_weights=is_random, learning_rate=1e-9, epochs=1
    )
    tiny_run.run(settings)
    ours = load_file(settings.run_dir / "bundle" / "model.safetensors")
    theirs = load_file(tmp_path / "encoder" / "model.safetensors")
    name = "bert.embeddings.word_embeddings.weight"
    difference = np.abs(ours[name] - theirs[name]).max()
    assert (difference > 1e-3) == is_random


def test_no_epochs_keep_the_encoder_as_it_is(tmp_path):
    settings = tiny_run.tiny_settings(tmp_path, epochs=0)
    metrics = tiny_run.run(settings)
    ours = load_file(settings.run_dir / "bundle" / "model.safetensors")
    theirs = load_file(tmp_path / "encoder" / "model.safetensors")
    for name in ours:
        if name.startswith("bert."):
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert metrics["train"]["examples"] == metrics["best_epoch"] == 0
    assert (settings.run_dir / "report.html").is_file()

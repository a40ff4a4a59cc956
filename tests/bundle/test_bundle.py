"""A bundle gives back the model that was saved, and is replaced as a whole or not."""

import errno
import hashlib
import json
import shutil

import keras
import numpy as np
import pytest
import safetensors.numpy
import tiny_bundle
from saved_bundle import FILES, INFO, load, save
from transformers import BertConfig

from bert_cpu.errors import UserError
from bert_cpu.models.bundle import BundleInfo, open_bundle, save_bundle
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.tasks.classify import Classify


@pytest.fixture(scope="module")
def model(original):
    return load(original)


@pytest.fixture(scope="module")
def saved(tmp_path_factory, original, model, reference):
    directory = tmp_path_factory.mktemp("saved") / "bundle"
    save(directory, model, original, reference)
    return directory


@pytest.fixture
def bundle(tmp_path, saved):
    """A copy to spoil."""
    return shutil.copytree(saved, tmp_path / "bundle")


def content_of(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_bundle_answers_as_transformers_does(model, reference):
    np.testing.assert_allclose(
        model(reference.inputs)["logits"],
        reference.outputs["logits"],
        rtol=0,
        atol=2e-5,
    )


def test_a_saved_bundle_holds_transformers_tensors_bit_for_bit(saved, reference):
    weights = reference.weights()
    tensors = safetensors.numpy.load_file(saved / "model.safetensors")
    assert tensors.keys() == weights.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(tensors[name], value, err_msg=name)
        assert tensors[name].dtype == np.float32


def test_a_saved_bundle_opens_to_the_same_answers(saved, model, reference):
    np.testing.assert_array_equal(
        load(saved)(reference.inputs)["logits"], model(reference.inputs)["logits"]
    )


def test_a_saved_bundle_opens_in_transformers(tmp_path, saved, reference):
    pytest.importorskip("torch")
    from reference import make_reference
    from transformers import BertForSequenceClassification

    classifier, report = BertForSequenceClassification.from_pretrained(
        saved, output_loading_info=True
    )
    assert not any(report.values()), report
    assert classifier.config.id2label == dict(enumerate(INFO.labels))
    for dtype in ("float32", "float64"):
        actual = make_reference.logits(
            classifier, reference.inputs, getattr(make_reference.torch, dtype)
        )
        np.testing.assert_allclose(
            actual, load(saved)(reference.inputs)["logits"], rtol=0, atol=1e-4
        )


def test_a_saved_bundle_says_what_it_was_told(saved, reference):
    bundle = open_bundle(saved)
    assert bundle.info == INFO
    assert bundle.directory == saved
    config = json.loads((saved / "config.json").read_text())
    assert reference.config.items() <= config.items()
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["problem_type"] == "single_label_classification"
    assert config["id2label"] == {"0": "neg", "1": "so-so", "2": "积极"}
    assert config["label2id"] == {"neg": 0, "so-so": 1, "积极": 2}


def test_its_description_is_the_one_that_others_read(saved):
    description = json.loads((saved / "bert_cpu.json").read_text(encoding="utf-8"))
    assert (description["format"], description["version"]) == ("bert_cpu.bundle", 1)
    assert set(description["versions"]) == {
        "bert_cpu",
        "tensorflow-cpu",
        "keras",
        "transformers",
    }
    assert set(FILES) <= description["files"].keys()
    on_disk = content_of(saved)
    del on_disk["bert_cpu.json"]
    assert description["files"] == {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in on_disk.items()
    }


def test_its_tokenizer_reads_as_the_encoders_did(saved, original):
    texts = ["A quiet, lovely film", "longly", "好 good"]
    again, before = open_bundle(saved).tokenizer, load_tokenizer(original)
    assert again(texts)["input_ids"] == before(texts)["input_ids"]
    words = (saved / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert tuple(words) == tiny_bundle.WORDS


class ReadTokens(Classify):
    """A head on every token, so that there is no pooler."""

    head_names = {"tags/kernel": "tags.weight", "tags/bias": "tags.bias"}
    architecture = "BertForTokenClassification"
    problem_type = None

    def build(self, encoder, labels, dropout):
        tags = keras.layers.Dense(2, name="tags")(encoder.output["sequence"])
        return keras.Model(encoder.input, {"tags": tags})


def test_a_model_without_a_pooler_is_saved_without_and_opens(
    tmp_path, original, reference
):
    task, config = ReadTokens(), BertConfig(**reference.config)
    model = task.build(build_encoder(config), (), 0.0)
    info = BundleInfo("classify", (), 20, False, {})
    directory = tmp_path / "bundle"
    save_bundle(directory, model, task, config, load_tokenizer(original), info)
    tensors = safetensors.numpy.load_file(directory / "model.safetensors")
    without_pooler = {
        name
        for name in reference.weights()
        if not name.startswith(("bert.pooler", "classifier"))
    }
    assert tensors.keys() == without_pooler | {"tags.weight", "tags.bias"}
    other = task.build(build_encoder(config), (), 0.0)
    inputs = reference.inputs
    assert not np.array_equal(other(inputs)["tags"], model(inputs)["tags"])
    open_bundle(directory).assign_to(other, task)
    np.testing.assert_array_equal(other(inputs)["tags"], model(inputs)["tags"])
    saved_config = json.loads((directory / "config.json").read_text())
    assert saved_config["architectures"] == ["BertForTokenClassification"]


def test_a_new_bundle_takes_the_place_of_the_old_one(
    bundle, model, original, reference
):
    (bundle / "left over").write_text("from the old one")
    info = BundleInfo("classify", ("a", "b", "c"), 20, False, {})
    save(bundle, model, original, reference, info)
    assert open_bundle(bundle).info == info
    assert not (bundle / "left over").exists()
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize(
    "failing", ["safetensors.numpy.save_file", "bert_cpu.storage.write_json"]
)
@pytest.mark.parametrize(
    "error, raised, message",
    [
        (OSError(errno.ENOSPC, "No space left on device"), UserError, "disk is full"),
        (RuntimeError("No space left on device (os error 28)"), UserError, "is full"),
        (RuntimeError("a mistake of ours"), RuntimeError, "a mistake of ours"),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
    ids=["full", "full in a library", "mistake", "Ctrl-C"],
)
def test_a_save_that_fails_leaves_the_old_bundle_and_nothing_else(
    failing, error, raised, message, bundle, model, original, reference, monkeypatch
):
    def fail(*_, **__):
        raise error

    before = content_of(bundle)
    with monkeypatch.context() as patch:
        patch.setattr(failing, fail)
        with pytest.raises(raised, match=message):
            save(bundle, model, original, reference)
    assert content_of(bundle) == before
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_what_a_killed_save_left_is_no_obstacle(bundle, model, original, reference):
    for name in (".bundle.partial", ".bundle.old"):
        shutil.copytree(bundle, bundle.with_name(name))
    save(bundle, model, original, reference)
    assert open_bundle(bundle).info == INFO
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]

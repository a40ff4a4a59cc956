"""A bundle gives back the model that was saved, or says what is wrong with it."""

import errno
import hashlib
import json
import shutil

import keras
import numpy as np
import pytest
import safetensors.numpy
import tiny_bundle
from reference import stored
from transformers import BertConfig

from bert_cpu import storage
from bert_cpu.errors import UserError
from bert_cpu.models.bundle import BundleInfo, check_bundle, open_bundle, save_bundle
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.tasks.classify import Classify

INFO = BundleInfo(
    task="classify",
    labels=("neg", "so-so", "积极"),
    max_length=40,
    text_pair=True,
    preprocess={"normalize": True, "stop_words": "none", "stem": "english"},
    stride=12,
    options={"pooling": "cls"},
)
FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)


def load(directory):
    bundle = open_bundle(directory)
    task = Classify()
    model = task.build(build_encoder(bundle.config), bundle.info.labels, 0.0)
    bundle.assign_to(model, task)
    return model


@pytest.fixture(scope="module")
def reference():
    return stored.read("random_tanh")


@pytest.fixture(scope="module")
def original(tmp_path_factory, reference):
    """A bundle that this package did not write, with a known answer."""
    directory = tmp_path_factory.mktemp("original") / "bundle"
    return tiny_bundle.write_bundle(directory, reference.weights(), reference.config)


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


def save(directory, model, original, reference, info=INFO):
    config = BertConfig(**reference.config)
    tokenizer = load_tokenizer(original)
    save_bundle(directory, model, Classify(), config, tokenizer, info)


def content_of(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def describe(bundle, **changes):
    """Changes bert_cpu.json; a field that becomes None is left out."""
    path = bundle / "bert_cpu.json"
    description = json.loads(path.read_text()) | changes
    kept = {key: value for key, value in description.items() if value is not None}
    path.write_text(json.dumps(kept))


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


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_one_bit_changed_is_named(name, bundle):
    path = bundle / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        open_bundle(bundle)
    message = str(caught.value)
    assert f"'{path}' has sha256 {hashlib.sha256(data).hexdigest()[:12]}" in message
    assert "it was changed since. Train it again" in message


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_size_is_named_with_both(name, bundle):
    path = bundle / name
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UserError) as caught:
        check_bundle(bundle)
    expected = f"'{path}' has {size + 1:,} bytes, but {size:,} were written"
    assert expected in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name, bundle):
    (bundle / name).unlink()
    with pytest.raises(UserError, match=f"{name}' is missing. Train it again"):
        open_bundle(bundle)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_file_that_is_read_must_be_listed(name, bundle):
    files = json.loads((bundle / "bert_cpu.json").read_text())["files"]
    del files[name]
    describe(bundle, files=files)
    with pytest.raises(UserError, match=rf"bert_cpu\.json' has no '{name}'"):
        open_bundle(bundle)


@pytest.mark.parametrize(
    "field", ["files", "task", "labels", "max_length", "text_pair", "preprocess"]
)
def test_a_field_that_is_left_out_is_named(field, bundle):
    describe(bundle, **{field: None})
    with pytest.raises(UserError, match=rf"bert_cpu\.json' has no '{field}'"):
        open_bundle(bundle)


def test_a_bundle_of_a_task_without_options_or_windows_need_not_say_so(bundle):
    describe(bundle, stride=None, options=None)
    info = open_bundle(bundle).info
    assert (info.stride, info.options) == (0, {})


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


@pytest.mark.parametrize(
    "changes, found",
    [
        ({"version": 2}, "format 'bert_cpu.bundle', version 2"),
        ({"version": None}, "format 'bert_cpu.bundle', version None"),
        ({"format": "bert_cpu.tflite"}, "format 'bert_cpu.tflite', version 1"),
    ],
)
def test_another_format_or_version_is_refused_with_both(changes, found, bundle):
    describe(bundle, **changes)
    with pytest.raises(UserError) as caught:
        open_bundle(bundle)
    message = str(caught.value)
    assert f"has {found}, but 'bert_cpu.bundle', version 1 is read here" in message


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[1]", b"null"])
def test_a_description_that_is_none_is_refused_by_name(content, bundle):
    (bundle / "bert_cpu.json").write_bytes(content)
    with pytest.raises(UserError, match=r"bert_cpu\.json' (is not JSON|has format)"):
        open_bundle(bundle)


def test_a_directory_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"bert_cpu\.json' is missing"):
        open_bundle(tmp_path)


@pytest.mark.parametrize("way", ["relative", "absolute", "into a folder"])
def test_a_name_that_leads_out_is_refused_although_its_sum_is_right(
    way, bundle, tmp_path
):
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    (bundle / "folder").mkdir()
    shutil.copy(secret, bundle / "folder" / "secret")
    name = {
        "relative": "../secret",
        "absolute": str(secret),
        "into a folder": "folder/secret",
    }[way]
    files = json.loads((bundle / "bert_cpu.json").read_text())["files"]
    described = storage.describe_files(tmp_path, ["secret"])["secret"]
    describe(bundle, files=files | {name: described})
    with pytest.raises(UserError, match="is not a file of"):
        open_bundle(bundle)


def test_weights_that_do_not_fit_the_config_are_named(original, tmp_path):
    directory = tmp_path / "bundle"
    weights = tiny_bundle.random_weights()
    weights["classifier.weight"] = weights["classifier.weight"][:2]
    tiny_bundle.write_bundle(directory, weights)
    with pytest.raises(UserError) as caught:
        load(directory)
    message = str(caught.value)
    assert "tensor 'classifier.weight' of shape (2, 64)" in message
    assert "means (3, 64)" in message


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

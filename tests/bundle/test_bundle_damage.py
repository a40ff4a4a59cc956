"""A bundle that is not what was saved is refused, and what is wrong is named."""

import hashlib
import json
import shutil

import pytest
import tiny_bundle
from saved_bundle import FILES, load, save

from bert_cpu import storage
from bert_cpu.errors import UserError
from bert_cpu.models.bundle import check_bundle, open_bundle


@pytest.fixture(scope="module")
def saved(tmp_path_factory, original, reference):
    directory = tmp_path_factory.mktemp("saved") / "bundle"
    save(directory, load(original), original, reference)
    return directory


@pytest.fixture
def bundle(tmp_path, saved):
    """A copy to spoil."""
    return shutil.copytree(saved, tmp_path / "bundle")


def describe(bundle, **changes):
    """Changes bert_cpu.json; a field that becomes None is left out."""
    path = bundle / "bert_cpu.json"
    description = json.loads(path.read_text()) | changes
    kept = {key: value for key, value in description.items() if value is not None}
    path.write_text(json.dumps(kept))


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

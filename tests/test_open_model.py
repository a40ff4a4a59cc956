"""A model is opened from files that are what they were, or what is wrong is said."""

import pathlib
import shutil

import numpy as np
import pytest
import tiny_bundle
import tiny_model
from tiny_model import logits_of
from tokenizers import Tokenizer

from bert_cpu import storage
from bert_cpu.errors import UserError
from bert_cpu.runtime.tflite_model import TFLiteModel
from bert_cpu.serving.answer import answer_texts, open_model
from bert_cpu.task_catalog import restore_task
from bert_cpu.text.tokenizer_parts import PARTS, write_parts

TEXT = "A quiet, LOVELY film"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run whose model reads one text of up to 20 tokens."""
    directory = tmp_path_factory.mktemp("runs") / "tiny"
    tiny_model.write_model(directory / "tflite", tiny_bundle.random_weights(seed=3))
    return directory


@pytest.fixture
def copied(run_dir, tmp_path):
    """A copy of the converted model, to be damaged."""
    return pathlib.Path(shutil.copytree(run_dir / "tflite", tmp_path / "tflite"))


def test_run_directory_and_tflite_directory_answer_alike(run_dir):
    (one,) = answer_texts(run_dir, [(TEXT, None)], threads=1)
    (two,) = answer_texts(str(run_dir / "tflite"), [(TEXT, None)], threads=1)
    assert one == two


def test_variant_can_be_chosen(run_dir):
    full, small = (open_model(run_dir, 1, name) for name in ("float32", "int8"))
    assert (full.variant, small.variant) == ("float32", "int8")
    difference = np.abs(logits_of(full, TEXT) - logits_of(small, TEXT)).max()
    assert 0 < difference < 0.2


def test_one_variant_alone_is_enough(copied):
    (copied / "int8.tflite").unlink()
    (copied / "labels.txt").unlink()
    model = TFLiteModel.open(copied, restore_task, threads=1)
    assert logits_of(model, TEXT).shape == (3,)


@pytest.fixture
def in_parts(copied):
    """The same with its tokenizer in two files, and without the whole one."""
    tokenizer = Tokenizer.from_file(str(copied / "tokenizer.json"))
    assert write_parts(tokenizer, copied)
    (copied / "tokenizer.json").unlink()
    names = [path.name for path in copied.iterdir() if path.name != "model.json"]
    tiny_model.edit_model(copied, files=storage.describe_files(copied, names))
    return copied


def test_a_tokenizer_in_parts_reads_alike_and_is_checked(in_parts, run_dir):
    model, other = open_model(in_parts, threads=1), open_model(run_dir, threads=1)
    for text in (TEXT, "film [MASK] 😀", "a " * 30):
        np.testing.assert_array_equal(logits_of(model, text), logits_of(other, text))
    for name in PARTS:
        content = (in_parts / name).read_bytes()
        (in_parts / name).write_bytes(content[:-1] + b" ")
        with pytest.raises(UserError, match=rf"{name}' has sha256 .*make tflite"):
            open_model(in_parts)
        (in_parts / name).write_bytes(content)


def test_missing_run_is_said(tmp_path):
    with pytest.raises(UserError, match=r"no directory '.*nowhere'"):
        open_model(tmp_path / "nowhere")


def test_run_that_was_not_converted_is_told_how(tmp_path):
    with pytest.raises(UserError, match="is no run that could be converted"):
        open_model(tmp_path)
    (tmp_path / "bundle").mkdir()
    with pytest.raises(UserError, match=f"make tflite NAME={tmp_path.name}` first"):
        open_model(tmp_path)


@pytest.mark.parametrize("name", ["float32.tflite", "tokenizer.json"])
def test_missing_file_is_named(copied, name):
    (copied / name).unlink()
    with pytest.raises(UserError, match=rf"{name}' is missing.*make tflite"):
        TFLiteModel.open(copied, restore_task)


@pytest.mark.parametrize("name", ["float32.tflite", "tokenizer.json"])
def test_changed_file_is_named(copied, name):
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}' has sha256 .*make tflite"):
        TFLiteModel.open(copied, restore_task)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"version": 2}, r"version 2, .*version 1 is read here"),
        ({"format": "other"}, r"format 'other'"),
        ({"labels": None}, r"has no 'labels'"),
        ({"chosen": "../float32"}, r"has no '\.\./float32\.tflite'.*float32, int8"),
        ({"task": "translate"}, r"task 'translate'.*answers: answer, classify, "),
    ],
)
def test_description_that_does_not_fit_is_refused(copied, change, message):
    tiny_model.edit_model(copied, **change)
    with pytest.raises(UserError, match=message):
        open_model(copied)


def test_unknown_variant_is_refused(run_dir):
    with pytest.raises(UserError, match=r"no 'int4\.tflite'.*float32, int8"):
        open_model(run_dir, variant="int4")

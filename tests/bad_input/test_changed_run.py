"""A bundle, a converted model or records of a run that were changed."""

import shutil

import pytest
from damaging import edit_json, flip
from files_typed import files_of
from tiny_command import bert_cpu, succeed


@pytest.mark.parametrize("command", ["evaluate", "export"])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_changed_bundle(run_copy, command, name):
    path = run_copy / "bundle" / name
    flip(path, path.stat().st_size // 2)
    before = files_of(run_copy)
    said = bert_cpu(command, "--name", "run").mistake
    assert said.startswith(f"'runs/run/bundle/{name}' has sha256 ")
    assert said.endswith(
        "was written: it was changed since. Train it again, or copy the bundle again "
        "from where it came."
    )
    assert files_of(run_copy) == before


@pytest.mark.parametrize(
    "changes, mistake",
    [
        ({"labels": ["pos", "neg"]}, "has a model with labels ('pos', 'neg'), but "),
        ({"labels": "np"}, 'says that labels is "np", which no model has. '),
        ({"max_length": 12}, "has a model with max_length 12, but records with 24. "),
        ({"max_length": "long"}, 'says that max_length is "long", which no model '),
        ({"files": {}}, "has no 'config.json'. Train it again"),
        ({"task": "ner"}, "was trained for the task 'ner', but only answer, "),
        ({"preprocess": ...}, "has no 'preprocess'. Train it again"),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_a_changed_description_of_a_bundle(run_copy, command, changes, mistake):
    edit_json(run_copy / "bundle" / "bert_cpu.json", **changes)
    assert mistake in bert_cpu(command, "--name", "run").mistake


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_a_changed_model_answers_nothing(run_copy, variant):
    path = run_copy / "tflite" / f"{variant}.tflite"
    flip(path, path.stat().st_size // 2)
    said = bert_cpu("predict", "runs/run", "film", "--variant", variant).mistake
    assert said.startswith(f"'runs/run/tflite/{variant}.tflite' has sha256 ")
    assert said.endswith("Convert the run again with `make tflite NAME=…`.")


@pytest.mark.parametrize(
    "changes, mistake",
    [
        ({"labels": ["a", "b", "c"]}, "The model tells 2 labels apart, but its "),
        ({"labels": 5}, "says that labels is 5, which no model has. Convert "),
        ({"max_length": 500}, "says that buckets are [16, 24], but they must be "),
        ({"buckets": [7]}, "says that buckets are [7], but they must be lengths"),
        ({"buckets": ...}, "has no 'buckets'. Convert the run again"),
        ({"files": {}}, ".tflite'. Convert the run again with "),
        ({"chosen": "../x"}, "The model has no '../x.tflite'. Choose a variant that "),
        ({"task": "ner"}, "has a model for the task 'ner', but this program answers"),
        ({"version": 2}, "has format 'bert_cpu.tflite', version 2, but "),
        ({"text_pair": True}, "The model reads a pair of texts at a time, but got "),
    ],
)
def test_a_changed_description_of_a_model(run_copy, changes, mistake):
    edit_json(run_copy / "tflite" / "model.json", **changes)
    assert mistake in bert_cpu("predict", "runs/run", "film").mistake


def test_a_run_that_is_not_converted(run_copy):
    shutil.rmtree(run_copy / "tflite")
    assert bert_cpu("predict", "runs/run", "film").mistake == (
        "'runs/run' has no converted model. Run `make tflite NAME=run` first."
    )


def test_what_is_no_run_is_not_to_be_converted(run_copy):
    """Neither a folder of anything, nor the bundle of a run, has a NAME for make."""
    for other in ("runs", "runs/run/bundle"):
        assert bert_cpu("predict", other, "film").mistake == (
            f"'{other}' has no converted model (no model.json), and is no run that "
            "could be converted. Name a run, such as runs/NAME."
        )
    assert bert_cpu("predict", "runs/run/config.json", "film").mistake == (
        "'runs/run/config.json' is a file, but a directory with a converted model was "
        "expected. Name a run, such as runs/NAME."
    )


def test_damaged_records_of_a_run(run_copy):
    flip(run_copy / "records" / "train-00000-of-00001.tfrecord", 20)
    said = bert_cpu("evaluate", "--name", "run", "--split", "train").mistake
    assert "is damaged: the record at byte 0 has a wrong data CRC" in said
    assert succeed("evaluate", "--name", "run", "--split", "validation").out


def test_settings_that_cannot_be_read(run_copy):
    (run_copy / "config.json").write_bytes(b"\xff")
    said = bert_cpu("evaluate", "--name", "run").mistake
    assert said.startswith("'runs/run/config.json' does not hold the settings of a run")

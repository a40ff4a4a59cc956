"""Every task's head and bundle next to transformers' class of the same head."""

import json
import pathlib

import numpy as np
import pytest
import reference
import safetensors
import tiny_bundle
from transformers import BertConfig

from bert_cpu.models.bundle import BundleInfo, open_bundle, save_bundle
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.task_catalog import restore_task
from bert_cpu.tasks.fill import Fill
from bert_cpu.tasks.parts.pretrain import HEAD_NAMES, build_pretraining
from bert_cpu.training.pretrained import FillAndNextSentence

# As tests/reference/make_heads.py has them.
SEED = 7
MASKED_POSITIONS = np.int32([[1, 11], [2, 8], [3, 1], [0, 0]])
LABELS = {
    "multilabel": ("a", "b", "c", "d"),
    "score": (),
    "tag": ("O", "B-LOC", "I-LOC", "B-PER", "I-PER"),
    "answer": ("answer",),
    "fill": (),
    "pretrain": (),
}
PROBLEMS = {"multilabel": "multi_label_classification", "score": "regression"}


class Stored:
    """What transformers' class of a task had, answered and saved."""

    def __init__(self, name):
        path = pathlib.Path(reference.__path__[0]) / "heads.safetensors"
        with safetensors.safe_open(path, framework="numpy") as file:
            own = [key for key in list(file.keys()) if key.startswith(f"{name}/")]
            values = {key.split("/", 1)[1]: file.get_tensor(key) for key in own}
            names = json.loads(file.metadata()["names"])
        self.architecture, self.saved_names = names[name]
        heads = {key for key in values if key.startswith("head/")}
        self.head = {key.split("/", 1)[1]: values.pop(key) for key in heads}
        self.outputs = values
        encoder = tiny_bundle.random_weights(seed=SEED)
        self.weights = self.head | {
            key: value for key, value in encoder.items() if key.startswith("bert.")
        }


def inputs_of(name):
    from reference import stored

    # The sequences of `random_inputs`, drawn from the same seed.
    random = np.random.default_rng(SEED)
    lengths, places = np.array([13, 9, 4, 1])[:, None], np.arange(13)
    real = places < lengths
    ids = random.integers(1, tiny_bundle.CONFIG["vocab_size"], real.shape)
    inputs = {
        "input_ids": np.where(real, ids, 0).astype(np.int32),
        "token_type_ids": np.where(real, places * 2 // lengths, 0).astype(np.int32),
        "attention_mask": real.astype(np.int32),
    }
    assert inputs.keys() == stored.read("random_erf").inputs.keys()
    if name in ("fill", "pretrain"):
        inputs["masked_positions"] = MASKED_POSITIONS
    return inputs


def opened(name, directory, weights):
    """Task and model from a directory that this package did not write."""
    tiny_bundle.write_bundle(directory, weights)
    config = BertConfig(**tiny_bundle.CONFIG)
    if name == "pretrain":
        model = build_pretraining(build_encoder(config))
        assert open_checkpoint(str(directory)).assign_to(model, HEAD_NAMES) == []
        return FillAndNextSentence(), model
    task = restore_task(name, {})
    encoder = build_encoder(config, reads_first_token=task.reads_first_token)
    model = task.build(encoder, LABELS[name], 0.0)
    assert open_checkpoint(str(directory)).assign_to(model, task.head_names) == []
    return task, model


@pytest.mark.parametrize("name", LABELS)
def test_a_head_of_transformers_answers_here_as_there(name, tmp_path):
    stored = Stored(name)
    _, model = opened(name, tmp_path / "theirs", stored.weights)
    outputs = model(inputs_of(name))
    if name == "score":
        outputs = {"logits": outputs["score"][:, None]}
    assert outputs.keys() == stored.outputs.keys()
    real = inputs_of(name)["attention_mask"][..., None] > 0
    for key, expected in stored.outputs.items():
        found = np.asarray(outputs[key])
        if name in ("tag", "answer"):
            # What padding says is nobody's answer.
            found, expected = found * real, expected * real
        np.testing.assert_allclose(found, expected, rtol=0, atol=5e-5, err_msg=key)


@pytest.mark.parametrize("name", LABELS)
def test_a_bundle_is_what_transformers_would_save(name, tmp_path):
    """The same class, the same names and the same bits: so the same answers there."""
    stored = Stored(name)
    task, model = opened(name, tmp_path / "theirs", stored.weights)
    info = BundleInfo(task.name, LABELS[name], 13, False, {})
    config = BertConfig(**tiny_bundle.CONFIG)
    tokenizer = load_tokenizer(tmp_path / "theirs")
    save_bundle(tmp_path / "ours", model, task, config, tokenizer, info)
    with safetensors.safe_open(
        tmp_path / "ours" / "model.safetensors", framework="numpy"
    ) as file:
        assert sorted(file.keys()) == stored.saved_names
        for key in stored.saved_names:
            expected = stored.weights[key]
            np.testing.assert_array_equal(file.get_tensor(key), expected, err_msg=key)
    fields = json.loads((tmp_path / "ours" / "config.json").read_text())
    assert fields["architectures"] == [stored.architecture]
    assert fields.get("problem_type") == PROBLEMS.get(name)
    config = BertConfig(**fields)
    # So many rows has the class's head.
    rows = stored.head.get("classifier.bias", stored.head.get("qa_outputs.bias"))
    if rows is not None:
        assert config.num_labels == len(rows)
    assert open_bundle(tmp_path / "ours").info == info


def test_what_fills_in_is_the_same_with_and_without_the_other_head():
    assert set(Fill.head_names) < set(FillAndNextSentence.head_names)

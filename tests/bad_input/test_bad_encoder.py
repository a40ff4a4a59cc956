"""Checkpoints that are not whole, do not fit or are not there."""

import os
import shutil

import pytest
from damaging import edit_json
from files_typed import write_rows


@pytest.mark.parametrize(
    "changes, mistake",
    [
        (
            {"model_type": "roberta"},
            "'changed/config.json' describes a model of type 'roberta', but only "
            "'bert' is read. Choose a BERT checkpoint.",
        ),
        (
            {"intermediate_size": 100},
            "'changed/model.safetensors' has tensor "
            "'encoder.layer.0.intermediate.dense.weight' of shape (96, 32), but its "
            "config.json means (100, 32). Use the config.json that belongs to the "
            "weights.",
        ),
        (
            {"num_hidden_layers": 2},
            "'changed/model.safetensors' has no tensor "
            "'encoder.layer.1.attention.self.query.weight', so it is not a whole BERT "
            "checkpoint. Choose one in the Hugging Face layout.",
        ),
        (
            {"max_position_embeddings": 16},
            "--max-length is 24, but 'changed' has only 16 positions. Ask for 16 or "
            "fewer.",
        ),
        (
            {"vocab_size": 10},
            "words, but a model with 10. Use the vocab.txt that belongs to it.",
        ),
        (
            {"hidden_act": "mish"},
            "config.json has hidden_act 'mish', but only gelu, gelu_new, "
            "gelu_pytorch_tanh, relu, silu, swish are known. Choose another "
            "checkpoint.",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit(train, encoder, here, changes, mistake):
    shutil.copytree(encoder, "changed")
    edit_json(here / "changed" / "config.json", **changes)
    assert train(write_rows("a.csv"), "--encoder", "changed").mistake.endswith(mistake)
    assert not list(here.glob("runs/*"))


@pytest.mark.parametrize(
    "name, mistake",
    [
        (
            "config.json",
            "'changed/config.json' is missing. Give a directory in the Hugging Face "
            "layout.",
        ),
        (
            "vocab.txt",
            "'changed' has neither tokenizer.json nor vocab.txt. Add the one that the "
            "checkpoint was trained with.",
        ),
        (
            "model.safetensors",
            "'changed/model.safetensors' is missing. Save the checkpoint as "
            "safetensors.",
        ),
    ],
)
def test_a_checkpoint_that_lacks_a_file(train, encoder, name, mistake):
    shutil.copytree(encoder, "changed")
    os.unlink(f"changed/{name}")
    assert train(write_rows("a.csv"), "--encoder", "changed").mistake == mistake


def test_a_model_that_is_too_large_is_refused_before_it_is_read(train, encoder, here):
    shutil.copytree(encoder, "huge")
    edit_json(
        here / "huge" / "config.json",
        hidden_size=8192,
        num_hidden_layers=96,
        num_attention_heads=64,
        intermediate_size=32768,
    )
    # Whoever read the weights would stumble over them.
    os.unlink("huge/model.safetensors")
    said = train(write_rows("a.csv"), "--encoder", "huge").mistake
    # 77.4 G weights, each with two copies of its gradient and two moments, of 4 bytes
    # each: 1547 GB at the least, and more for what they compute.
    assert said.startswith("Training needs about ")
    assert 1547 < float(said.split()[3]) < 2 * 1547
    assert " GB of memory, but " in said
    assert said.endswith(
        "are available. Choose a smaller encoder, fewer --workers or more "
        "--freeze-layers."
    )


@pytest.mark.parametrize(
    "name, mistake",
    [
        (
            "no/such/place",
            "--encoder 'no/such/place' is no directory here. Give minilm, a directory "
            "in the Hugging Face layout, or a hub id.",
        ),
        (
            "a.csv",
            "--encoder 'a.csv' is a file, but must be a directory with config.json, "
            "model.safetensors and a tokenizer.",
        ),
    ],
)
def test_an_encoder_that_is_not_there(train, name, mistake):
    assert train(write_rows("a.csv"), "--encoder", name).mistake == mistake


def test_an_encoder_that_the_hub_does_not_give(train):
    # HF_HUB_OFFLINE is set in tests: the hub's client refuses by itself.
    said = train(write_rows("a.csv"), "--encoder", "no-such-bert").mistake
    assert said.startswith(
        "--encoder 'no-such-bert' is no directory here, and could not be had from the "
        "hub ("
    )
    assert said.endswith("Check the name and the connection, or give a directory.")


def test_more_frozen_layers_than_there_are(train, encoder):
    assert train(write_rows("a.csv"), "--freeze-layers", 2).mistake == (
        f"--freeze-layers is 2, but '{encoder}' has only 1 layers."
    )


def test_more_kept_layers_than_there_are(train, encoder):
    assert train(write_rows("a.csv"), "--keep-layers", 2).mistake == (
        f"--keep-layers is 2, but '{encoder}' has only 1 layers."
    )

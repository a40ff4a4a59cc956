"""A checkpoint is read in all its spellings, and a bad one is explained."""

import http.server
import json
import os
import re
import subprocess
import sys
import threading

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import tiny_bundle
from transformers import BertConfig

from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.weights import assign_weights, collect_weights, encoder_names

NUM_LAYERS = tiny_bundle.CONFIG["num_hidden_layers"]


def plain_weights(seed=0):
    """An encoder's tensors without a prefix, as encoders are published."""
    return {
        name.removeprefix("bert."): value
        for name, value in tiny_bundle.random_weights(seed=seed).items()
        if name.startswith("bert.")
    }


@pytest.fixture(scope="module")
def encoder():
    return build_encoder(BertConfig(**tiny_bundle.CONFIG))


@pytest.fixture
def directory(tmp_path):
    return tiny_bundle.write_bundle(tmp_path / "encoder")


def rewrite(directory, weights):
    safetensors.numpy.save_file(weights, directory / "model.safetensors")


def change_config(directory, **fields):
    config = tiny_bundle.CONFIG | fields
    (directory / "config.json").write_text(json.dumps(config))


def load(directory, encoder):
    return open_checkpoint(str(directory)).assign_to(encoder)


def test_every_weight_has_one_tensor_of_transformers_and_back(encoder):
    names = encoder_names(NUM_LAYERS)
    paths = [variable.path for variable in encoder.trainable_variables]
    assert sorted(names) == sorted(paths)
    # tests/reference has transformers load just these names, strictly.
    assert sorted(names.values()) == sorted(plain_weights())


def test_what_is_collected_is_what_was_assigned(encoder):
    weights = plain_weights(seed=3)
    assign_weights(encoder, encoder_names(NUM_LAYERS), weights, "here")
    collected = collect_weights(encoder, encoder_names(NUM_LAYERS))
    assert collected.keys() == weights.keys()
    for name, value in weights.items():
        np.testing.assert_array_equal(collected[name], value, err_msg=name)
        assert collected[name].flags.c_contiguous, name


def with_the_originals_norms(weights):
    return {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): value
        for name, value in weights.items()
    }


SPELLINGS = {
    "plain": lambda weights: weights,
    "prefixed": lambda weights: {f"bert.{name}": weights[name] for name in weights},
    "gamma and beta": with_the_originals_norms,
    "with more in it": lambda weights: (
        weights
        | {
            "embeddings.position_ids": np.arange(40)[None],
            "cls.predictions.bias": np.zeros(320, np.float32),
        }
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_each_spelling_of_the_names_is_read(spelling, directory, encoder):
    weights = plain_weights(seed=4)
    rewrite(directory, SPELLINGS[spelling](weights))
    assert load(directory, encoder) == []
    for name, value in collect_weights(encoder, encoder_names(NUM_LAYERS)).items():
        np.testing.assert_array_equal(value, weights[name], err_msg=name)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_sized_weights_are_read(dtype, directory, encoder):
    weights = {
        name: value.astype(getattr(ml_dtypes, dtype, dtype))
        for name, value in plain_weights(seed=5).items()
    }
    rewrite(directory, weights)
    load(directory, encoder)
    for name, value in collect_weights(encoder, encoder_names(NUM_LAYERS)).items():
        np.testing.assert_array_equal(value, weights[name].astype(np.float32))


def test_an_absent_pooler_is_named_and_keeps_its_random_start(directory, encoder):
    weights = plain_weights(seed=6)
    pooler = {"pooler.dense.weight", "pooler.dense.bias"}
    before = collect_weights(encoder, encoder_names(NUM_LAYERS))
    rewrite(directory, {name: weights[name] for name in weights.keys() - pooler})
    assert set(load(directory, encoder)) == pooler
    after = collect_weights(encoder, encoder_names(NUM_LAYERS))
    for name, value in after.items():
        source = before if name in pooler else weights
        np.testing.assert_array_equal(value, source[name], err_msg=name)


def test_a_missing_tensor_is_named_and_nothing_is_assigned(directory, encoder):
    before = collect_weights(encoder, encoder_names(NUM_LAYERS))
    weights = plain_weights(seed=7)
    del weights["encoder.layer.1.output.dense.weight"]
    rewrite(directory, weights)
    with pytest.raises(UserError) as caught:
        load(directory, encoder)
    assert "no tensor 'encoder.layer.1.output.dense.weight'" in str(caught.value)
    assert "model.safetensors" in str(caught.value)
    after = collect_weights(encoder, encoder_names(NUM_LAYERS))
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)


@pytest.mark.parametrize(
    "name, there, expected",
    [
        ("embeddings.word_embeddings.weight", (319, 64), (320, 64)),
        ("encoder.layer.1.attention.self.key.weight", (64, 32), (64, 64)),
        ("encoder.layer.0.intermediate.dense.weight", (64, 96), (96, 64)),
        ("encoder.layer.0.attention.self.query.bias", (4, 16), (64,)),
    ],
)
def test_a_shape_that_does_not_fit_is_shown_with_the_one_that_does(
    name, there, expected, directory, encoder
):
    weights = plain_weights()
    weights[name] = np.zeros(there, np.float32)
    rewrite(directory, weights)
    with pytest.raises(UserError) as caught:
        load(directory, encoder)
    message = str(caught.value)
    assert f"tensor '{name}' of shape {there}" in message
    assert f"config.json means {expected}" in message


def test_a_shortened_weights_file_is_not_whole(directory, encoder):
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"model\.safetensors' is not whole"):
        load(directory, encoder)


def test_a_pickle_is_not_opened(directory, encoder):
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(UserError) as caught:
        load(directory, encoder)
    message = str(caught.value)
    assert "pytorch_model.bin, a pickle, is never opened" in message
    assert "safetensors" in message.rpartition(". ")[2]


def test_absent_weights_are_named(directory, encoder):
    (directory / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors' is missing\. Save"):
        load(directory, encoder)


def test_another_kind_of_model_is_refused_by_its_kind(directory):
    change_config(directory, model_type="roberta")
    with pytest.raises(UserError, match="type 'roberta', but only 'bert' is read"):
        open_checkpoint(str(directory))


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        ("[]", "a model of type None, but only 'bert'"),
        ("{}", "a model of type None, but only 'bert'"),
        ('{"model_type": "bert", "hidden_size": "wide"}', "is not a BERT config"),
    ],
)
def test_a_config_that_cannot_be_used_is_explained_in_a_line(
    content, message, directory
):
    content = content if isinstance(content, bytes) else content.encode()
    (directory / "config.json").write_bytes(content)
    with pytest.raises(UserError) as caught:
        open_checkpoint(str(directory))
    assert message in str(caught.value)
    assert "config.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_directory_without_config_is_told_what_belongs_there(directory):
    (directory / "config.json").unlink()
    with pytest.raises(UserError, match=r"config\.json' is missing.*Hugging Face"):
        open_checkpoint(str(directory))


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"hidden_act": "gelu_fast"}, "hidden_act 'gelu_fast', but only gelu"),
        (
            {"position_embedding_type": "relative_key"},
            "position_embedding_type 'relative_key', but only absolute",
        ),
        ({"num_attention_heads": 5}, "hidden_size 64, which its 5 attention heads"),
        ({"is_decoder": True}, "is_decoder"),
    ],
)
def test_what_the_encoder_does_not_compute_is_refused(fields, message, directory):
    change_config(directory, **fields)
    with pytest.raises(UserError, match=re.escape(message)):
        build_encoder(open_checkpoint(str(directory)).config)


def test_a_tokenizer_with_more_words_than_the_model_is_refused(directory):
    change_config(directory, vocab_size=14)
    with pytest.raises(UserError, match="tokenizer with 15 words, but a model with 14"):
        open_checkpoint(str(directory))


def test_a_vocabulary_alone_makes_the_tokenizer(directory):
    (directory / "tokenizer.json").unlink()
    (directory / "vocab.txt").write_text("\n".join(tiny_bundle.WORDS) + "\n")
    tokenizer = open_checkpoint(str(directory)).tokenizer
    ids = tokenizer("A quiet film")["input_ids"]
    words = ["[CLS]", "a", "quiet", "film", "[SEP]"]
    assert ids == [tiny_bundle.WORDS.index(word) for word in words]


def test_a_checkpoint_without_tokenizer_is_told_which_files(directory):
    (directory / "tokenizer.json").unlink()
    with pytest.raises(UserError, match=r"neither tokenizer\.json nor vocab\.txt"):
        open_checkpoint(str(directory))


def test_a_damaged_tokenizer_is_told_in_a_line(directory):
    (directory / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(UserError, match="a tokenizer that can't be read") as caught:
        open_checkpoint(str(directory))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["./not/here", "/not/here", "a/b/c", "what is it?"])
def test_a_name_that_can_be_nothing_is_told_what_it_may_be(name):
    with pytest.raises(UserError) as caught:
        open_checkpoint(name)
    assert f"'{name}' is no directory here. Give minilm, a" in str(caught.value)


def test_a_file_in_place_of_a_directory_is_refused(directory):
    path = directory / "model.safetensors"
    with pytest.raises(UserError, match="is a file, but must be a directory"):
        open_checkpoint(str(path))


def test_a_hub_id_without_the_hub_says_what_was_tried():
    with pytest.raises(UserError) as caught:
        open_checkpoint("nobody/no-such-bert")
    message = str(caught.value)
    assert "'nobody/no-such-bert' is no directory here" in message
    assert "could not be had from the hub" in message
    assert "give a directory" in message
    assert "\n" not in message


class StandInHub(http.server.BaseHTTPRequestHandler):
    """Answers as the hub does for one model, `tester/tiny`."""

    revision = "0123456789abcdef0123456789abcdef01234567"
    files: dict[str, bytes]
    requests: list[str]

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def _answer(self):
        path = self.path.partition("?")[0]
        self.requests.append(path)
        if path == "/api/models/tester/tiny/revision/main":
            siblings = [{"rfilename": name} for name in self.files]
            content = {"id": "tester/tiny", "sha": self.revision, "siblings": siblings}
            self._send(json.dumps(content).encode())
        elif path == f"/api/models/tester/tiny/tree/{self.revision}":
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": f"{name}-1"}
                for name, data in self.files.items()
            ]
            self._send(json.dumps(tree).encode())
        elif path.startswith(f"/tester/tiny/resolve/{self.revision}/"):
            name = path.rpartition("/")[2]
            self._send(self.files[name], ETag=f'"{name}-1"')
        else:
            self._send(b"", 404, **{"X-Error-Code": "RepoNotFound"})

    def _send(self, body, status=200, **headers):
        self.send_response(status)
        headers |= {"Content-Length": str(len(body)), "X-Repo-Commit": self.revision}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format, *arguments):
        pass


@pytest.fixture
def hub(directory):
    """Serves `directory` and a pickle on this machine; gives address and requests."""
    (directory / "pytorch_model.bin").write_bytes(b"never fetched")
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    requests: list[str] = []
    handler = type("Hub", (StandInHub,), {"files": files, "requests": requests})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()
        thread.join()


OPEN_FROM_HUB = """
import sys
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import open_checkpoint, read_encoder_tensors
checkpoint = open_checkpoint("tester/tiny")
tensors = read_encoder_tensors(checkpoint.directory / "model.safetensors")
print(checkpoint.config.hidden_size, len(checkpoint.tokenizer), len(tensors))
try:
    open_checkpoint("tester/other")
except UserError as error:
    print(error)
"""


def test_a_hub_id_is_fetched_and_an_unknown_one_is_explained(hub, tmp_path):
    address, requests = hub
    environment = os.environ | {
        "HF_ENDPOINT": address,
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_OFFLINE": "0",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", OPEN_FROM_HUB],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    opened, unknown = done.stdout.splitlines()
    # The classifier's two are there too: they are the reader's to leave out.
    assert opened == f"64 15 {len(plain_weights()) + 2}"
    assert "'tester/other' is no directory here" in unknown
    assert "could not be had from the hub" in unknown
    assert any(path.endswith("/model.safetensors") for path in requests)
    assert not any(path.endswith("/pytorch_model.bin") for path in requests)


def test_a_checkpoint_with_fewer_layers_computes_what_longhand_does(tmp_path):
    config = tiny_bundle.CONFIG | {"num_hidden_layers": 3}
    weights = tiny_bundle.random_weights(config)
    tiny_bundle.write_bundle(tmp_path / "three", weights, config)
    checkpoint = open_checkpoint(str(tmp_path / "three")).with_layers(2)
    encoder = build_encoder(checkpoint.config)
    checkpoint.assign_to(encoder)
    ids = np.array([[2, 6, 7, 8, 3]])
    inputs = {
        "input_ids": ids,
        "token_type_ids": np.zeros_like(ids),
        "attention_mask": np.ones_like(ids),
    }
    pooled = encoder(inputs)["pooled"].numpy()[0]
    expected = tiny_bundle.longhand_logits(
        weights, config | {"num_hidden_layers": 2}, ids[0], np.zeros(5, int)
    )
    kernel, bias = weights["classifier.weight"], weights["classifier.bias"]
    np.testing.assert_allclose(pooled @ kernel.T + bias, expected, atol=1e-4)


def test_all_layers_are_kept_unless_it_is_said(directory):
    checkpoint = open_checkpoint(str(directory))
    assert checkpoint.with_layers(0) is checkpoint

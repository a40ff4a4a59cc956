"""Vectors, the loss over a batch of pairs, and answers, next to longhand NumPy."""

import dataclasses
import json
import math

import numpy as np
import pytest
import tensorflow as tf
import tiny_bundle
from ai_edge_litert.interpreter import Interpreter
from transformers import BertConfig

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.models.encoder import build_encoder
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.embed import Embed
from bert_cpu.text.windows import WindowReader

TASKS = {pooling: Embed(pooling) for pooling in ("mean", "cls", "pooled")}
POOLINGS = list(TASKS)
BATCH = {
    "input_ids": np.int32([[2, 6, 8, 3], [2, 9, 3, 0], [2, 14, 10, 3]]),
    "token_type_ids": np.zeros((3, 4), "int32"),
    "attention_mask": np.int32([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1]]),
    "pair_ids": np.int32([[2, 5, 3, 0, 0], [2, 6, 8, 3, 0], [2, 7, 11, 12, 3]]),
    "pair_mask": np.int32([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]),
}


@pytest.fixture(scope="module")
def encoder():
    config = BertConfig(**tiny_bundle.CONFIG, initializer_range=0.2)
    return build_encoder(config, dropout=0.0)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_vector_is_pooled_from_the_tokens_that_are_no_padding(encoder, pooling):
    outputs = Embed(pooling).build(encoder, (), 0.1)(BATCH)
    for ids, mask, name in (
        ("input_ids", "attention_mask", "vector"),
        ("pair_ids", "pair_mask", "pair_vector"),
    ):
        read = encoder(
            {
                "input_ids": BATCH[ids],
                "token_type_ids": np.zeros_like(BATCH[ids]),
                "attention_mask": BATCH[mask],
            }
        )
        tokens = read["sequence"].numpy()
        expected = {
            "mean": [
                row[real == 1].mean(0)
                for row, real in zip(tokens, BATCH[mask], strict=True)
            ],
            "cls": tokens[:, 0],
            "pooled": read["pooled"].numpy(),
        }[pooling]
        assert (outputs[name].shape, outputs[name].dtype) == ((3, 64), "float32")
        np.testing.assert_allclose(outputs[name], unit(expected), rtol=0, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_both_texts_of_a_pair_are_read_alike(encoder, pooling):
    swapped = {
        "input_ids": BATCH["pair_ids"],
        "token_type_ids": np.zeros((3, 5), "int32"),
        "attention_mask": BATCH["pair_mask"],
        "pair_ids": BATCH["input_ids"],
        "pair_mask": BATCH["attention_mask"],
    }
    model = Embed(pooling).build(encoder, (), 0.1)
    one, other = model(BATCH), model(swapped)
    np.testing.assert_allclose(one["vector"], other["pair_vector"], atol=1e-6)
    np.testing.assert_allclose(one["pair_vector"], other["vector"], atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_weights_are_the_encoders_that_the_vector_depends_on(encoder, pooling):
    model = Embed(pooling).build(encoder, (), 0.1)
    own = {variable.path for variable in model.trainable_variables}
    pooler = {"pooler/kernel", "pooler/bias"} if pooling != "pooled" else set()
    assert own == {v.path for v in encoder.trainable_variables} - pooler
    assert len(own) == len(model.trainable_variables)


def test_vectors_are_float32_above_a_bfloat16_encoder():
    half = build_encoder(BertConfig(**tiny_bundle.CONFIG), dtype="bfloat16")
    outputs = Embed().build(half, (), 0.1)(BATCH)
    for vectors in outputs.values():
        assert vectors.dtype == "float32"
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_losses_teach_the_reading_of_both_texts(encoder):
    task = Embed()
    model = task.build(encoder, (), 0.1)
    batch = BATCH | {"weight": np.ones(3, "float32")}
    with tf.GradientTape() as tape:
        losses, _ = task.losses(batch, model(BATCH, training=True), 0.0)
        loss = tf.reduce_sum(losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    words = next(
        tf.convert_to_tensor(gradient).numpy()
        for gradient, variable in zip(gradients, model.trainable_variables, strict=True)
        if variable.path == "embeddings/token/embeddings"
    )
    is_taught = np.abs(words).max(axis=1) > 1e-4
    # Words of a first text, of a second text, of none; and the padding.
    assert is_taught[[9, 14]].all()
    assert is_taught[[5, 12]].all()
    assert not is_taught[[0, 4, 13, 300]].any()


class FakeGraph:
    """What a lean graph gives that this task may ask for."""

    def __init__(self, encoder):
        kernel, bias = encoder.get_layer("pooler").get_weights()
        self.pooled = lambda x: tf.tanh(tf.matmul(x, kernel) + bias)


def test_converted_vectors_are_kerass(encoder, tmp_path):
    graph = FakeGraph(encoder)
    heads = {
        pooling: tf.function(
            lambda hidden, mask, task=task: task.lean_outputs(
                graph, hidden, {"attention_mask": mask}
            )
        ).get_concrete_function(
            hidden=tf.TensorSpec((4, 64), tf.float32),
            mask=tf.TensorSpec((4,), tf.int32),
        )
        for pooling, task in TASKS.items()
    }
    tf.saved_model.save(tf.Module(), str(tmp_path), signatures=heads)
    # The converter refuses all operations that are not TFLite's own.
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path), POOLINGS)
    interpreter = Interpreter(model_content=converter.convert())
    tokens = encoder({k: v for k, v in BATCH.items() if "pair" not in k})["sequence"]
    for pooling in POOLINGS:
        expected = Embed(pooling).build(encoder, (), 0.1)(BATCH)["vector"]
        run = interpreter.get_signature_runner(pooling)
        for row, mask in enumerate(BATCH["attention_mask"]):
            (vector,) = run(hidden=tokens[row].numpy(), mask=mask)["vector"]
            np.testing.assert_allclose(vector, expected[row], rtol=0, atol=1e-6)


# --- data and answers


def read(values, **settings):
    return Embed().read(("a.csv line 2", values), PrepareSettings(**settings))


PAIR = {"text": "好看吗", "text_pair": "a lovely film"}


def test_a_row_is_a_pair_with_or_without_a_score():
    assert read(PAIR) == Example("好看吗", "a lovely film", None, "a.csv line 2")
    assert read(PAIR | {"label": "4.5"}).label == 4.5
    assert read(PAIR | {"near": 1}, label="near").label == 1.0
    for missing in (None, ""):
        assert read(PAIR | {"label": missing}).label is None
    assert read(PAIR | {"label": "greetings"}, label="").label is None
    renamed = {"question": "q", "reply": "r"}
    example = read(renamed, text="question", text_pair="reply")
    assert (example.text, example.text_pair) == ("q", "r")


@pytest.mark.parametrize(
    "values, settings, message",
    [
        ({"text": "a"}, {}, "has no column 'text_pair' .* Name one of them with --tex"),
        (
            PAIR,
            {"label": "near"},
            "has no column 'near' .* --label, or leave the optio",
        ),
        (
            PAIR | {"label": "greetings"},
            {},
            "has \"greetings\" in column 'label', but a",
        ),
        (PAIR | {"label": "nan"}, {}, "a number was expected: how near the texts are."),
        (PAIR | {"label": True}, {}, "has true in column 'label', but a number"),
        (PAIR | {"label": 10**400}, {}, "has 1000.* a number was expected"),
        (PAIR | {"label": [1]}, {}, "or give --label '' if there is none."),
    ],
)
def test_a_row_that_is_no_pair_is_the_users_mistake(values, settings, message):
    with pytest.raises(UserError, match=f"^a.csv line 2 .*{message}"):
        read(values, **settings)


def test_targets_are_the_second_texts_tokens():
    reader = WindowReader(tiny_bundle.tiny_tokenizer(), 5, reads_apart=True)
    (reading,) = reader([("a dull film", "A quiet, lovely film")])
    (targets,) = Embed().encode(read(PAIR), reading.windows, reading.apart, {})
    assert targets == {"pair_ids": [2, 5, 6, 1, 3], "pair_mask": [1] * 5}
    assert targets.keys() == Embed.targets.keys()


def answer(text_pair, windows, outputs):
    return Embed().answer(Example("好看吗", text_pair, None, ""), windows, outputs, ())


def test_the_answer_to_a_text_is_a_vector_that_json_and_a_terminal_hold():
    vector = np.float32([1 / 3, -0.5, 0.25, 0.125, math.sqrt(0.5)])
    found = answer(None, ["a window"], [{"vector": vector}])
    written = json.loads(json.dumps(dataclasses.asdict(found)))
    assert written.keys() == {"text", "vector"}
    assert written["text"] == "好看吗"
    np.testing.assert_array_equal(np.float32(written["vector"]), vector)
    assert found.columns() == ["0.3333 -0.5000 0.2500 0.1250 …"]


def test_the_answer_to_a_pair_is_their_cosine():
    outputs = {"vector": np.float32([0, 1]), "pair_vector": np.float32([0.6, 0.8])}
    found = answer("a lovely film", ["a window"], [outputs])
    written = json.loads(json.dumps(dataclasses.asdict(found)))
    assert written.pop("cosine") == pytest.approx(0.8)
    assert written == {"text": "好看吗", "text_pair": "a lovely film"}
    assert found.columns() == ["0.8000"]
    np.testing.assert_array_equal(found.vectors, list(outputs.values()))


@pytest.mark.parametrize("text_pair", [None, "a lovely film"])
def test_a_text_without_anything_to_read_has_no_answer(text_pair):
    found = answer(text_pair, [], [])
    assert found.columns() == ["-"]
    assert None in dataclasses.asdict(found).values()


def test_answers_to_pairs_are_measured():
    examples = [Example(text, text + "?", None, "") for text in "abc"]
    answers = [
        Embed().answer(example, ["a window"], [{"vector": v, "pair_vector": v}], ())
        for example, v in zip(examples, np.eye(3, dtype="float32"), strict=True)
    ]
    answers[2] = Embed().answer(examples[2], [], [], ())
    measured = Embed().measure(examples, answers, ())
    assert {measured[name] for name in Embed.metrics} == {2 / 3}
    assert measured["examples"] == 3


def test_training_without_second_texts_is_refused():
    with pytest.raises(UserError) as raised:
        Embed().check(PrepareSettings(task="embed", text_pair=""))
    assert str(raised.value) == (
        "--text-pair is '', but --task embed learns from pairs of texts. Name the "
        "column of the second ones."
    )

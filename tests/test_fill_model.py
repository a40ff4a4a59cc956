"""The masked-words model gives the same outputs in Keras and in TFLite."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_bundle
import tiny_words
from ai_edge_litert.interpreter import Interpreter
from transformers import BertConfig

from bert_cpu.example import Example
from bert_cpu.export.lean_graph import LeanGraph
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.weights import collect_weights, encoder_names, model_names
from bert_cpu.tasks.fill import Fill
from bert_cpu.tasks.parts.hide_words import MOST_MASKS
from bert_cpu.text.special_tokens import MASK
from bert_cpu.text.windows import WindowReader

WORDS = tiny_words.WORDS
IDS = {word: index for index, word in enumerate(WORDS)}
TOKENIZER = tiny_words.tokenizer()
TASK = Fill()


def encoded(text, label):
    """A text with masks as it is asked, its tokens, and its targets."""
    posed = TASK.pose(Example(text, None, label.split(), "line 1"), TOKENIZER)
    (reading,) = WindowReader(TOKENIZER, 40, TASK.too_long)([(posed.text, None)])
    return posed, reading.windows, TASK.encode(posed, reading.windows, None, IDS)


@pytest.fixture(scope="module")
def model():
    config = BertConfig(**tiny_bundle.CONFIG)
    made = TASK.build(build_encoder(config, dropout=0.0), WORDS, 0.1)
    random = np.random.default_rng(0)
    for variable in made.trainable_variables:
        variable.assign(random.normal(0, 0.3, variable.shape))
    return made


@pytest.fixture(scope="module")
def graph(model):
    """The model as conversion lays it out, from what its bundle would hold."""
    names = model_names(model, encoder_names(tiny_bundle.CONFIG["num_hidden_layers"]))
    names = {path: f"bert.{name}" for path, name in names.items()} | TASK.head_names
    weights = collect_weights(model, names)
    return LeanGraph(weights, tiny_bundle.CONFIG, TASK, {MASK: IDS[MASK]})


def inputs_of(window, length):
    padding = length - len(window.ids)
    return {
        "input_ids": np.int32([window.ids + [0] * padding]),
        "token_type_ids": np.zeros((1, length), "int32"),
        "attention_mask": np.int32([[1] * len(window.ids) + [0] * padding]),
    }


@pytest.mark.parametrize(
    "text, label, length",
    [
        ("the [MASK] was unwatchable", "film", 16),
        ("这[MASK]酒[MASK]很[MASK]。", "家 店 好", 16),
        ("[MASK]", "film", 5),
        ("[MASK] " * MOST_MASKS, " ".join(["good"] * MOST_MASKS), 16),
    ],
)
def test_keras_and_tflite_give_the_same_outputs_and_answers(
    model, graph, text, label, length
):
    posed, windows, targets = encoded(text, label)
    inputs = inputs_of(windows[0], length)
    expected = model(
        inputs | {"masked_positions": np.int32([targets[0]["masked_positions"]])}
    )["logits"].numpy()
    function = graph.signature(length)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], graph)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    run = Interpreter(model_content=converter.convert()).get_signature_runner()
    actual = run(**inputs)["logits"]
    assert (
        actual.shape
        == expected.shape
        == (1, MOST_MASKS, tiny_bundle.CONFIG["vocab_size"])
    )
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-3)
    answers = [
        TASK.answer(posed, windows, [{"logits": logits[0]}], WORDS)
        for logits in (actual, expected)
    ]
    assert answers[0].filled == answers[1].filled


def test_losses_count_each_hidden_word_once(model):
    logits = np.random.default_rng(0).normal(size=(2, 3, 9)).astype("float32")
    batch = {
        "masked_positions": np.int32([[2, 4, 0], [0, 0, 0]]),
        "masked_ids": np.int32([[5, 1, 0], [0, 0, 0]]),
    }
    losses, counts = TASK.losses(batch, {"logits": logits})
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -np.log(shares[0, 0, 5]) - np.log(shares[0, 1, 1])
    np.testing.assert_allclose(losses, [expected, 0], rtol=1e-5)
    np.testing.assert_array_equal(counts, [2, 0])

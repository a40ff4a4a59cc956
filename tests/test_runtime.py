"""Text to answers, as longhand has them, without TensorFlow."""

import dataclasses
import json
import math
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tiny_bundle
import tiny_model
from hypothesis import given
from hypothesis import strategies as st
from tiny_model import logits_of

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.runtime.tflite_model import TFLiteModel
from bert_cpu.serving.answer import answer_texts, open_model
from bert_cpu.serving.tell_unknown import tell_unknown
from bert_cpu.task_catalog import restore_task
from bert_cpu.tasks.classify import softmax

TEXT = "A quiet, LOVELY film"
# Written by hand from WORDS: the comma is unknown.
IDS = [2, 5, 6, 1, 7, 8, 3]


@pytest.fixture(scope="module")
def weights():
    return tiny_bundle.random_weights(seed=3)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, weights):
    """A run whose model reads one text of up to 20 tokens."""
    directory = tmp_path_factory.mktemp("runs") / "tiny"
    tiny_model.write_model(directory / "tflite", weights)
    return directory


@pytest.fixture
def copied(run_dir, tmp_path):
    """A copy of the converted model, to be damaged."""
    return pathlib.Path(shutil.copytree(run_dir / "tflite", tmp_path / "tflite"))


@pytest.fixture
def pair_model(copied):
    tiny_model.edit_model(copied, text_pair=True)
    return TFLiteModel.open(copied, restore_task, threads=1)


def test_text_is_tokenized_and_run_as_longhand_does(run_dir, weights):
    model = TFLiteModel.open(run_dir / "tflite", restore_task, threads=1)
    actual = logits_of(model, TEXT)
    expected = _longhand(weights, IDS, [0] * 7)
    np.testing.assert_allclose(actual, expected, atol=1e-4)
    assert actual.dtype == np.float32


def test_pair_has_its_own_segment(pair_model, weights):
    actual = logits_of(pair_model, "too long", "lovely film")
    ids, types = [2, 11, 10, 3, 7, 8, 3], [0, 0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(actual, _longhand(weights, ids, types), atol=1e-4)


@pytest.mark.parametrize(
    "pair, ids, num_first",
    [
        (("a " * 30, "lovely film"), [2] + [5] * 15 + [3, 7, 8, 3], 17),
        (("lovely film", "a " * 30), [2, 7, 8, 3] + [5] * 15 + [3], 4),
    ],
)
def test_longer_text_of_a_pair_is_cut_first(pair_model, weights, pair, ids, num_first):
    actual = logits_of(pair_model, *pair)
    expected = _longhand(weights, ids, [0] * num_first + [1] * (20 - num_first))
    np.testing.assert_allclose(actual, expected, atol=1e-4)
    assert pair_model.num_cut == 1


def test_long_texts_are_cut_and_counted(run_dir, weights):
    model = open_model(run_dir, threads=1)
    exact = logits_of(model, "a " * 18)
    assert model.num_cut == 0
    cut = logits_of(model, "a " * 18 + "film")
    assert model.num_cut == 1
    expected = _longhand(weights, [2] + [5] * 18 + [3], [0] * 20)
    np.testing.assert_allclose(exact, expected, atol=1e-4)
    np.testing.assert_array_equal(cut, exact)


def test_every_bucket_answers_in_any_order(run_dir, weights):
    model = BucketedInterpreter(run_dir / "tflite" / "float32.tflite", [16, 20], 2)
    for length in (17, 2, 20, 16, 5):
        ids = [2] + [9] * (length - 2) + [3]
        actual = model.run_ids(ids, [0] * length)["logits"]
        np.testing.assert_allclose(
            actual, _longhand(weights, ids, [0] * length), atol=1e-4
        )


def test_too_many_ids_are_refused(run_dir):
    model = BucketedInterpreter(run_dir / "tflite" / "float32.tflite", [16, 20], 1)
    with pytest.raises(ValueError, match=r"21 tokens, but the longest .* 20"):
        model.run_ids([2] * 21, [0] * 21)


def test_preprocessing_of_the_bundle_is_applied(copied, weights):
    tiny_model.edit_model(
        copied, preprocess={"normalize": True, "stop_words": "none", "stem": "none"}
    )
    model = TFLiteModel.open(copied, restore_task, threads=1)
    actual = logits_of(model, "Ａ　ｑｕｉｅｔ\u200b ｆｉｌｍ")
    expected = _longhand(weights, [2, 5, 6, 8, 3], [0] * 5)
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_answer_has_the_shares_of_longhand_and_is_json(run_dir, weights):
    answer = open_model(run_dir, 1).answer(TEXT)
    exponentials = np.exp(_longhand(weights, IDS, [0] * 7))
    shares = exponentials / exponentials.sum()
    assert answer.text == TEXT
    assert list(answer.probabilities) == tiny_bundle.LABELS
    np.testing.assert_allclose(list(answer.probabilities.values()), shares, atol=1e-4)
    assert answer.label == tiny_bundle.LABELS[int(shares.argmax())]
    line = json.dumps(dataclasses.asdict(answer))
    assert json.loads(line)["probabilities"] == answer.probabilities


def test_an_answer_comes_with_its_tokens_and_outputs(run_dir):
    model = open_model(run_dir, 1)
    example = Example(TEXT, None, None, "")
    answered = model.answer_example(example)
    assert answered.example == example
    assert [window.ids for window in answered.reading.windows] == [IDS]
    assert answered.answer == model.answer(TEXT)
    shares = softmax(answered.outputs[0]["logits"])
    assert list(answered.answer.probabilities.values()) == shares.tolist()
    empty = model.answer_example(Example(" ", None, None, ""))
    assert (empty.reading.windows, empty.outputs) == ([], [])


def test_softmax_stays_finite_for_huge_logits():
    np.testing.assert_allclose(softmax(np.float32([1e30, 0])), [1, 0])
    np.testing.assert_allclose(softmax(np.float32([-2e4, -2e4])), [0.5, 0.5])


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=6))
def test_softmax_agrees_with_its_definition(logits):
    total = math.fsum(math.exp(value) for value in logits)
    expected = [math.exp(value) / total for value in logits]
    np.testing.assert_allclose(softmax(np.array(logits)), expected, rtol=1e-9)


def test_empty_texts_get_no_label_and_the_rest_go_on(run_dir):
    texts = [(TEXT, None), ("", None), (" \t\n", None), (TEXT, None)]
    first, *empty, last = answer_texts(run_dir, texts, threads=1)
    assert first == last
    assert first.label is not None
    assert [(each.label, each.probabilities) for each in empty] == [(None, {})] * 2


def test_answers_come_as_texts_are_read(run_dir):
    def texts():
        yield TEXT, None
        raise AssertionError("read ahead of the answer")

    assert next(answer_texts(run_dir, texts(), threads=1)).text == TEXT


def test_answering_imports_no_training_library(run_dir, project_dir):
    program = (
        "import sys\n"
        "from bert_cpu.serving.answer import answer_texts\n"
        f"(answer,) = answer_texts({str(run_dir)!r}, [('a film', None)])\n"
        "heavy = {'tensorflow', 'keras', 'transformers', 'jieba', 'sklearn', 'torch'}\n"
        "print(answer.label, sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project_dir,
        capture_output=True,
        text=True,
        check=False,
    )
    label, imported = result.stdout.strip().split(" ", 1)
    assert label in tiny_bundle.LABELS
    assert imported == "[]"
    # LiteRT greets on standard error, which belongs to our own messages.
    assert result.stderr == ""


def test_no_text_is_refused(run_dir):
    with pytest.raises(UserError, match="no text to answer"):
        list(answer_texts(run_dir, []))


def test_pair_for_a_model_of_one_text_is_refused_with_its_position(run_dir):
    answers = answer_texts(run_dir, [(TEXT, None), (TEXT, TEXT)], threads=1)
    assert next(answers).label is not None
    with pytest.raises(UserError, match="Text 2: The model reads one text at a time"):
        next(answers)


def test_one_text_for_a_model_of_pairs_is_refused(pair_model):
    with pytest.raises(UserError, match=r"reads a pair of texts .* got one text"):
        pair_model.answer(TEXT)


def test_half_a_surrogate_pair_is_refused(run_dir):
    with pytest.raises(UserError, match="not Unicode"):
        open_model(run_dir, 1).answer("film \ud83d")


def test_tokens_and_those_that_are_unknown_are_counted(run_dir, capsys):
    model = open_model(run_dir, threads=1)
    model.answer("lovely film")
    tell_unknown(model)
    assert (model.num_tokens, model.num_unknown) == (4, 0)
    model.answer("film 😀 😀")
    assert (model.num_tokens, model.num_unknown) == (9, 2)
    assert capsys.readouterr().err == ""
    tell_unknown(model)
    assert capsys.readouterr().err == (
        "22.2% of the texts' tokens are unknown to the model's vocabulary\n"
    )


def _longhand(weights, ids, types):
    return tiny_bundle.longhand_logits(weights, tiny_bundle.CONFIG, ids, types)

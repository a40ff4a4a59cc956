"""Evaluation: each example is answered once, from all of its windows in order."""

import collections
import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from tiny_records import ReadAll, prepare, tokenizer

from bert_cpu.errors import UserError
from bert_cpu.training.evaluate import Evaluation

FORMATS = ("tfrecord", "hdf5")
# More windows than one batch holds, of texts of one to fifteen windows.
TEXTS = [" ".join("abcdefgh"[: 1 + n % 8] * (1 + n % 9)) for n in range(70)]


@dataclasses.dataclass(frozen=True)
class Repeated:
    """An answer that only repeats what it was made of."""

    text: str
    ids: tuple[int, ...]
    places: tuple[int, ...]
    numbers: tuple[int, ...]
    lengths: tuple[int, ...]
    labels: tuple[str, ...]


class RepeatAll(ReadAll):
    """Answers with the outputs that it was given."""

    per_token = frozenset({"repeated"})
    metrics = ("share_of_a",)

    def losses(self, batch, outputs, smoothing):
        assert smoothing == 0
        loss = tf.cast(outputs["number"] + 1, tf.float32)
        return loss, tf.cast(tf.reduce_sum(batch["attention_mask"], 1), tf.float32)

    def answer(self, example, windows, outputs, labels):
        assert len(windows) == len(outputs)
        return Repeated(
            example.text,
            tuple(int(i) for each in outputs for i in each["repeated"][1:-1]),
            tuple(place for window in windows for place in self.places_of(window)),
            tuple(int(each["number"]) for each in outputs),
            tuple(len(each["repeated"]) for each in outputs),
            tuple(labels),
        )

    def measure(self, examples, answers, labels):
        assert [each.text for each in examples] == [each.text for each in answers]
        return {"share_of_a": 0.25, "examples": len(answers)}


def repeat(batch):
    """A model that gives back what it read."""
    return {"repeated": batch["input_ids"], "number": batch["number"]}


@pytest.fixture(scope="module", params=FORMATS)
def manifest(request, tmp_path_factory):
    rows = [(text, None) for text in [*TEXTS, ""]]
    return prepare(
        tmp_path_factory.mktemp("evaluate") / "records",
        rows,
        task=RepeatAll(),
        record_format=request.param,
        max_length=8,
        stride=0,
        shard_size=30,
    )


@pytest.fixture
def evaluation(manifest):
    return Evaluation(repeat, RepeatAll(), manifest, tokenizer().backend_tokenizer)


def test_an_answer_is_made_of_all_windows_in_order_and_without_padding(evaluation):
    answered = list(evaluation.answer("test"))
    found = collections.Counter(each.example.text for each in answered)
    assert found == collections.Counter(TEXTS)
    for each in answered:
        whole = tokenizer()(each.example.text, return_offsets_mapping=True)
        answer = each.answer
        assert list(answer.ids) == whole["input_ids"][1:-1]
        places = [start for start, _ in whole["offset_mapping"]][1:-1]
        assert list(answer.places) == places
        num_windows = -(-len(places) // 6)
        assert answer.numbers == tuple(range(num_windows))
        rest = len(places) - 6 * (num_windows - 1)
        assert answer.lengths == (8,) * (num_windows - 1) + (rest + 2,)
        assert [len(window) for window in each.reading.windows] == list(answer.lengths)
    assert max(len(each.answer.numbers) for each in answered) > 10


def test_the_loss_is_one_sum_over_another_whatever_the_batches(evaluation):
    measured = evaluation("validation")
    losses = counts = 0
    for text in TEXTS:
        num_tokens = len(tokenizer()(text)["input_ids"]) - 2
        num_windows = -(-num_tokens // 6)
        losses += sum(range(1, num_windows + 1))
        counts += num_tokens + 2 * num_windows
    assert measured["loss"] == pytest.approx(losses / counts, rel=1e-6)
    assert (measured["share_of_a"], measured["examples"]) == (0.25, len(TEXTS))
    # The sums begin anew with each split.
    assert evaluation("test") == measured


def test_getting_ready_asks_once_and_leaves_no_trace(manifest):
    asked = []

    def predict_step(batch):
        asked.append(int(tf.size(batch["index"])))
        return repeat(batch)

    backend = tokenizer().backend_tokenizer
    evaluation = Evaluation(predict_step, RepeatAll(), manifest, backend)
    expected = Evaluation(repeat, RepeatAll(), manifest, backend)("test")
    evaluation.get_ready()
    assert evaluation("test") == expected
    # Before all others, as the first answer waits for it.
    assert asked[0] == 2
    assert min(asked[1:-1]) > 2


def test_what_cannot_get_ready_says_so_where_it_is_asked(manifest, capfd):
    def predict_step(batch):
        raise ValueError("no such operation")

    backend = tokenizer().backend_tokenizer
    evaluation = Evaluation(predict_step, RepeatAll(), manifest, backend)
    evaluation.get_ready()
    with pytest.raises(ValueError, match="no such operation"):
        evaluation("test")
    assert capfd.readouterr() == ("", "")


def test_a_task_whose_labels_are_words_gets_the_tokenizers(manifest):
    class RepeatWords(RepeatAll):
        labels_are_words = True

    words = tokenizer().convert_ids_to_tokens(range(len(tokenizer())))
    for task, expected in ((RepeatWords(), words), (RepeatAll(), [])):
        evaluation = Evaluation(repeat, task, manifest, tokenizer().backend_tokenizer)
        first = next(evaluation.answer("test"))
        assert list(first.answer.labels) == expected


def test_records_of_other_windows_than_the_tokenizers_are_refused(manifest):
    wider = dataclasses.replace(manifest, max_length=9)
    evaluation = Evaluation(repeat, RepeatAll(), wider, tokenizer().backend_tokenizer)
    with pytest.raises(UserError) as refusal:
        list(evaluation.answer("test"))
    message = str(refusal.value)
    assert message.startswith(f"'{manifest.directory}' has ")
    assert message.endswith(" of. Prepare the data again.")
    assert " windows of a text that the tokenizer makes " in message


def test_scalars_keep_their_kind_in_the_outputs(evaluation):
    answered = next(evaluation.answer("test"))
    assert all(np.ndim(each["number"]) == 0 for each in answered.outputs)
    assert all(each["repeated"].dtype == np.int32 for each in answered.outputs)

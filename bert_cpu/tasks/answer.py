"""An answer to a question, cut out of a text of any length."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from tokenizers import Encoding

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.mark import Mark
from bert_cpu.settings import PrepareSettings
from bert_cpu.target import Target
from bert_cpu.task import Outputs, Task
from bert_cpu.text.answer_places import answer_places
from bert_cpu.text.best_spans import best_spans
from bert_cpu.text.rows import Row
from bert_cpu.text.squad import read_squad
from bert_cpu.text.squad_score import squad_score

# Word pieces in the longest answer that is looked for, and spans that share the
# probability: `max_answer_length` and `n_best_size` of the original's run_squad.py.
# A piece of Chinese is one character: 30 hold any name, date, number or clause.
_MOST_PIECES = 30
_NUM_BEST = 20
# Spans that an answer lists.
_NUM_LISTED = 5

_ANSWER, _NO_ANSWER = "answer", "no answer"


@dataclasses.dataclass(frozen=True, slots=True)
class FoundAnswer:
    """What was found; `dataclasses.asdict` of it is JSON.

    Args:
        text: the question as it was given.
        answer: `context[start:end]`, or None if the context has no answer.
        start, end: characters of the context, from 0; None without an answer.
        score: the logits of the best span's first and last token, less those of
            no answer. A model that knows of no answer gives one if this is over 0.
        probability: share in [0, 1] of the answer (or of there being none) among
            the 20 best spans, and no answer if the model knows of it.
        n_best: the 5 best spans, best first, each with `answer`, `start`, `end`
            and `score`. Those of a question without an answer, too.
    """

    text: str
    answer: str | None
    start: int | None
    end: int | None
    score: float
    probability: float
    n_best: list[dict[str, Any]]

    def columns(self) -> list[str]:
        shown = "-" if self.answer is None else " ".join(self.answer.split())
        return [shown, f"{self.probability:.4f}"]


class AnswerQuestions(Task):
    """Finds where in a context the answer to a question begins and ends.

    Each token of the context gets two logits: that the answer begins with it, and
    that it ends with it. The first token, [CLS], stands for no answer. A context
    that is too long is read in windows beside the question (beyond half a window,
    its end is cut off), and the best span of all is the answer. If the training
    split has questions without one, the model learns to give none: that is what
    the labels tell.

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, sections 4.2
    and 4.3.
    """

    name = "answer"
    sample = ("a question of yours", "the text with the answer to it")
    columns = {"text": "question", "text_pair": "context", "label": "answers"}
    formats = {".json": read_squad}
    unlabelled_formats = {".json": partial(read_squad, labelled=False)}
    least_labels = 1
    too_long = "text_pair"
    when_cut = "behind a question of over half of {max_length} tokens, which was cut"
    when_unseen = "Add such questions to the training split, or leave them out"
    points_into_text = True
    targets = {"start": Target("int32"), "end": Target("int32")}
    head_names = {
        "logits/kernel": "qa_outputs.weight",
        "logits/bias": "qa_outputs.bias",
    }
    architecture = "BertForQuestionAnswering"
    reads_first_token = False
    per_token = frozenset({"logits"})
    metrics = ("f1", "exact_match")
    lean_products = {"logits": "qa_outputs"}

    def read_label(self, row: Row, column: str, settings: PrepareSettings) -> Any:
        """Gives `{"id": str, "answers": [[start, end, text], …]}`.

        Raises:
            UserError: see `answer_places`.
        """
        position, values = row
        context = values[self.column(settings, "text_pair")]
        return {
            "id": str(values.get("id", position)),
            "answers": answer_places(row, column, context),
        }

    def identify(self, row: Row) -> str | None:
        found = row[1].get("id")
        return None if found is None else str(found)

    def label_names(self, example: Example) -> Iterable[str]:
        return [_ANSWER if example.label["answers"] else _NO_ANSWER]

    def order_labels(self, found: Iterable[str]) -> tuple[str, ...]:
        found = set(found)
        if _ANSWER not in found:
            raise UserError(
                "No question of the training split has an answer, so that there is "
                "nothing to learn. Is this the right column? Name it with --label."
            )
        return (_ANSWER, _NO_ANSWER) if _NO_ANSWER in found else (_ANSWER,)

    def encode(
        self,
        example: Example,
        windows: Sequence[Encoding],
        apart: Encoding | None,
        labels: Mapping[str, int],
    ) -> list[dict[str, Any]]:
        """Points at the first right answer that some window holds whole.

        `start` and `end` are tokens of the window: 0, the [CLS], both of them,
        where it does not hold the whole answer. A question whose answer is in no
        window stays: it is still to be answered when the model is measured.
        """
        for start, end, _ in example.label["answers"]:
            targets = _targets(windows, start, end)
            if any(each["start"] for each in targets):
                return targets
        return [{"start": 0, "end": 0} for _ in windows]

    def build(self, encoder: Any, labels: Sequence[str], dropout: float) -> Any:
        """Puts `logits`, float32 `(batch, length, 2)`, on every token: start, end.

        As in the original, nothing is dropped before them.
        """
        import keras

        logits = keras.layers.Dense(
            2,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            dtype="float32",
            name="logits",
        )(encoder.output["sequence"])
        return keras.Model(encoder.input, {"logits": logits}, name="answer_questions")

    def losses(
        self, batch: Mapping[str, Any], outputs: Mapping[str, Any], smoothing: float
    ) -> tuple[Any, Any]:
        """The mean of two cross-entropies over a window's tokens, without padding."""
        import tensorflow as tf

        logits = tf.transpose(outputs["logits"], (0, 2, 1))  # (batch, 2, length)
        is_real = tf.cast(batch["attention_mask"], logits.dtype)[:, tf.newaxis]
        # As a logit it has a share of 0, and a logarithm that is still finite.
        log_shares = tf.nn.log_softmax(logits + (1.0 - is_real) * -1e9)
        places = tf.stack([batch["start"], batch["end"]], axis=1)  # (batch, 2)
        wanted = tf.one_hot(places, tf.shape(logits)[2])
        num_real = tf.reduce_sum(is_real, axis=-1, keepdims=True)
        even = tf.math.divide_no_nan(is_real, num_real)
        wanted = wanted * (1.0 - smoothing) + even * smoothing
        losses = -tf.reduce_sum(wanted * log_shares, axis=(1, 2)) / 2.0  # (batch,)
        return losses, tf.ones_like(losses)

    def lean_outputs(
        self, graph: Any, hidden: Any, inputs: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {"logits": graph.product("logits", hidden)[None]}  # (1, length, 2)

    def answer(
        self,
        example: Example,
        windows: Sequence[Encoding],
        outputs: Sequence[Outputs],
        labels: Sequence[str],
    ) -> FoundAnswer:
        context = example.text_pair or ""
        # (length, 2) of each window
        logits = [np.asarray(output["logits"], np.float64) for output in outputs]
        best = best_spans(context, windows, logits, _MOST_PIECES, _NUM_BEST)
        if not best:  # There is nothing in the context.
            return FoundAnswer(example.text, None, None, None, 0.0, 1.0, [])

        null = min(each[0].sum() for each in logits)
        scores = np.array([total for _, total in best]) - null
        knows_none = _NO_ANSWER in labels
        choices = np.append(scores, 0.0 if knows_none else -np.inf)
        shares = np.exp(choices - choices.max())
        shares /= shares.sum()
        n_best = [
            {"answer": context[start:end], "start": start, "end": end, "score": score}
            for ((start, end), _), score in zip(best, scores.tolist(), strict=True)
        ]
        is_none = knows_none and scores[0] <= 0
        found = n_best[0]
        if is_none:
            found = found | {"answer": None, "start": None, "end": None}
        return FoundAnswer(
            text=example.text,
            **found,
            probability=float(shares[-1 if is_none else 0]),
            n_best=n_best[:_NUM_LISTED],
        )

    def measure(
        self,
        examples: Sequence[Example],
        answers: Sequence[FoundAnswer],
        labels: Sequence[str],
    ) -> dict[str, Any]:
        """Gives SQuAD's `f1` and `exact_match`, shares in [0, 1], and `examples`.

        Where questions have no answer, `no_answer_accuracy` is the share of them
        that got none, and `has_answer_f1` the mean over the other questions.
        """
        scores = np.array(
            [_score(*each) for each in zip(examples, answers, strict=True)]
        )
        f1, exact = scores.T
        has_answer = np.array([bool(each.label["answers"]) for each in examples])
        measured = {
            "f1": float(f1.mean()),
            "exact_match": float(exact.mean()),
            "examples": len(examples),
        }
        if not has_answer.all():
            measured["no_answer_accuracy"] = float(exact[~has_answer].mean())
            if has_answer.any():
                measured["has_answer_f1"] = float(f1[has_answer].mean())
        return measured

    def marks(
        self, example: Example, answer: FoundAnswer
    ) -> tuple[str, list[Mark]] | None:
        true = {(start, end) for start, end, _ in example.label["answers"]}
        _, exact = _score(example, answer)
        marks = []
        if answer.start is not None and answer.end is not None:
            verdict: Literal["right", "wrong"] = "right" if exact else "wrong"
            marks.append(Mark(answer.start, answer.end, "", verdict))
        if not exact:
            marks += [Mark(*place, "", "missed") for place in sorted(true)]
        return (example.text_pair or "", marks) if marks else None

    def mistake(self, example: Example, answer: FoundAnswer) -> dict[str, Any] | None:
        _, exact = _score(example, answer)
        if exact:
            return None
        truths = [text for _, _, text in example.label["answers"]]
        return {
            "label": " ".join(truths[0].split()) if truths else _NO_ANSWER,
            "predicted": _NO_ANSWER if answer.answer is None else answer.columns()[0],
            "probability": answer.probability,
        }


def _targets(windows: Sequence[Encoding], start: int, end: int) -> list[dict[str, int]]:
    """The first and last token of an answer, in each window that has all of them.

    Of words and accents that the tokenizer takes apart or drops, that is all the
    tokens that have a character in common with the answer.
    """
    touched = [
        [
            (token, *offsets)
            for token, (text, offsets) in enumerate(
                zip(window.sequence_ids, window.offsets, strict=True)
            )
            if text == 1 and offsets[0] < end and offsets[1] > start
        ]
        for window in windows
    ]
    tokens = [token for window in touched for token in window]
    first = min((begin for _, begin, _ in tokens), default=None)
    last = max((stop for _, _, stop in tokens), default=None)
    return [
        {"start": window[0][0], "end": window[-1][0]}
        if window and window[0][1] == first and window[-1][2] == last
        else {"start": 0, "end": 0}
        for window in touched
    ]


def _score(example: Example, answer: FoundAnswer) -> tuple[float, float]:
    truths = [text for _, _, text in example.label["answers"]]
    return squad_score(answer.answer or "", truths, example.text)

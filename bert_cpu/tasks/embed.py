"""A vector for a text, near to those of the texts that mean the same."""

import dataclasses
import json
import math

import numpy as np

from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings
from bert_cpu.target import Target
from bert_cpu.task import Task
from bert_cpu.tasks.parts.measure_pairs import measure_pairs
from bert_cpu.tasks.parts.pooling import Pooling, pool_rows, pool_tokens
from bert_cpu.tasks.parts.refuse_smoothing import refuse_smoothing
from bert_cpu.text.rows import text_of

# Cosines lie in [-1, 1], too near to one another for a softmax to choose. The
# factor is that of sentence-transformers' MultipleNegativesRankingLoss.
_SCALE = 20.0
# A score that a softmax gives no probability to, and no gradient.
_NEVER = -1e9


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The vector of a text; `dataclasses.asdict` of it is JSON.

    Args:
        text: str, as asked.
        vector: `hidden_size` numbers with eight decimals, whose squares sum to 1;
            None if there was nothing to read in the text.
    """

    text: str
    vector: list[float] | None

    def columns(self) -> list[str]:
        if self.vector is None:
            return ["-"]
        return [" ".join(f"{number:.4f}" for number in self.vector[:4]) + " …"]


@dataclasses.dataclass(frozen=True)
class PairAnswer:
    """How near two texts are; `dataclasses.asdict` of it is JSON.

    Args:
        text, text_pair: str, as asked.
        cosine: of their vectors, in [-1, 1]; None if there was nothing to read in
            one of them.
        vectors: theirs, float32 `(hidden_size,)`, or None. They are for measuring:
            `asdict` leaves them out.
    """

    text: str
    text_pair: str
    cosine: float | None
    vectors: dataclasses.InitVar[tuple[np.ndarray, np.ndarray] | None]

    def __post_init__(self, vectors: tuple[np.ndarray, np.ndarray] | None) -> None:
        # What is no field of a frozen object is set past it.
        object.__setattr__(self, "vectors", vectors)

    def columns(self) -> list[str]:
        return ["-" if self.cosine is None else f"{self.cosine:.4f}"]


class Embed(Task):
    """Turns a text into a vector whose cosine with another tells how near they are.

    It learns from pairs of texts that belong together: a question and its answer,
    a sentence and its paraphrase. Each text has to choose its own second text among
    all of the batch, and each second text its own first. So one process must hold
    the whole batch: with several workers, each text would choose among fewer.

    A number in the label column, where there is one, says how near the two texts
    are; what is measured is then compared with it. Training doesn't look at it.

    Args:
        pooling: how a vector is made of the tokens'; see `pool_tokens`.

    References:
        Henderson et al. 2017, https://arxiv.org/abs/1705.00652, section 4: the
        other pairs of a batch as negatives.
        Reimers & Gurevych 2019, https://arxiv.org/abs/1908.10084: one encoder for
        both texts, and the mean of its tokens.
    """

    name = "embed"
    columns = {"text_pair": "text_pair"}
    has_labels = False
    too_long = "cut"
    reads_apart = True
    needs_whole_batch = True
    options = ("pooling",)
    # The mask is a target of its own: no id is sure to be padding's alone.
    targets = {
        "pair_ids": Target("int32", is_list=True),
        "pair_mask": Target("int32", is_list=True),
    }
    head_names = {}
    architecture = "BertModel"
    metrics = ("mrr", "recall_at_1", "recall_at_10")

    def __init__(self, pooling: Pooling = "mean"):
        self.pooling = pooling
        self.reads_first_token = pooling != "mean"

    # --- data

    def read_texts(self, row, text=None, text_pair=None):
        """See `RowReader.read_texts`. What is only to be answered may be one text: a
        row without the task's own second column, or whose `text_pair` is ""."""
        is_one = text_pair is None and self.columns["text_pair"] not in row[1]
        if is_one or text_pair == "":
            text = self.columns.get("text", "text") if text is None else text
            return text_of(row, text), None
        return super().read_texts(row, text, text_pair)

    def read_label(self, row, column, settings):
        """The number that says how near the texts are, or None without one.

        A file needs no such column, unless the command line names it.

        Raises:
            UserError: if the column holds something else.
        """
        position, values = row
        if column not in values and column in ("", PrepareSettings.label):
            return None
        if column not in values:
            raise UserError(
                f"{position} has no column '{column}' (it has: {', '.join(values)}). "
                "Name one of them with --label, or leave the option out."
            )
        value = values[column]
        if value is None or value == "":
            return None
        try:
            score = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            score = math.nan
        if not math.isfinite(score):
            shown = json.dumps(value, ensure_ascii=False)[:40]
            raise UserError(
                f"{position} has {shown} in column '{column}', but a number was "
                "expected: how near the texts are. Name its column with --label, or "
                "give --label '' if there is none."
            )
        return score

    def encode(self, example, windows, apart, labels):
        return [{"pair_ids": apart.ids, "pair_mask": [1] * len(apart.ids)}]

    # --- training

    def build(self, encoder, labels, dropout):
        """Reads both texts of a pair with the same encoder.

        Args:
            encoder: keras.Model as `build_encoder` returns it.
            labels, dropout: not used; there is no head with weights.

        Returns:
            keras.Model from the encoder's inputs and int32 `(batch, pair_length)`
            `pair_ids` and `pair_mask` to `vector` and `pair_vector`, float32
            `(batch, hidden_size)`, each of length 1.
        """
        import keras

        one = keras.Model(encoder.input, self._vector(encoder), name="one_text")
        pair_ids, pair_mask = (
            keras.Input((None,), dtype="int32", name=name) for name in self.targets
        )
        pair_vector = one(
            {
                "input_ids": pair_ids,
                "token_type_ids": keras.ops.zeros_like(pair_ids),
                "attention_mask": pair_mask,
            }
        )
        return keras.Model(
            {**encoder.input, "pair_ids": pair_ids, "pair_mask": pair_mask},
            {"vector": one.output, "pair_vector": pair_vector},
            name="embedder",
        )

    def _vector(self, encoder):
        from keras import ops

        return ops.normalize(pool_tokens(encoder, self.pooling), axis=-1)

    def losses(self, batch, outputs, smoothing=0.0):
        """Cross-entropy of choosing a text's own second text, and the reverse.

        Not among the choices are rows that fill up a batch (`weight` 0), and other
        pairs that have one of the texts in common: they are right as well.

        Args:
            batch: `input_ids`, `attention_mask`, `pair_ids`, `pair_mask`, and
                float32 `weight` `(batch,)`.
            outputs: the model's.
            smoothing: 0; see `check`.

        Returns:
            float32 `(batch,)`, the mean of both directions; and ones.
        """
        from keras import ops

        first, second = outputs["vector"], outputs["pair_vector"]
        is_shared = ops.logical_or(
            _are_same(batch["input_ids"], batch["attention_mask"]),
            _are_same(batch["pair_ids"], batch["pair_mask"]),
        )
        is_real = batch["weight"] > 0
        is_negative = ops.logical_and(
            ops.logical_and(is_real[:, None], is_real), ops.logical_not(is_shared)
        )
        own = _SCALE * ops.sum(first * second, axis=-1)
        scores = _SCALE * ops.matmul(first, ops.transpose(second))
        scores = ops.where(is_negative, scores, _NEVER)
        both = [
            ops.logsumexp(ops.concatenate([own[:, None], each], axis=1), axis=1) - own
            for each in (scores, ops.transpose(scores))
        ]
        return (both[0] + both[1]) / 2, ops.ones_like(own)

    # --- conversion

    def lean_outputs(self, graph, hidden, inputs):
        import tensorflow as tf

        vector = pool_rows(graph, hidden, inputs, self.pooling)
        return {"vector": tf.math.l2_normalize(vector, axis=-1)}

    # --- answers

    def answer(self, example, windows, outputs, labels):
        """An `Answer`, or a `PairAnswer` for two texts."""
        found = outputs[0] if windows else None
        if example.text_pair is None:
            if found is None:
                return Answer(example.text, None)
            numbers = np.asarray(found["vector"], np.float64).round(8)
            return Answer(example.text, numbers.tolist())
        if found is None:
            return PairAnswer(example.text, example.text_pair, None, None)
        vectors = found["vector"], found["pair_vector"]
        cosine = float(vectors[0] @ vectors[1])
        return PairAnswer(example.text, example.text_pair, cosine, vectors)

    def measure(self, examples, answers, labels):
        """See `measure_pairs`."""
        return measure_pairs(examples, [answer.vectors for answer in answers])

    def vectors(self, answer):
        return answer.vectors

    def check(self, settings):
        """See `Task.check`: pairs are learned from, and there is no label to smooth."""
        super().check(settings)
        if settings.text_pair == "":
            raise UserError(
                "--text-pair is '', but --task embed learns from pairs of texts. Name "
                "the column of the second ones."
            )
        refuse_smoothing(self.name, settings, "which texts belong together")


def _are_same(ids, mask):
    """bool `(batch, batch)`: which rows hold the same tokens."""
    from keras import ops

    ids = ops.where(ops.cast(mask, "bool"), ids, -1)
    return ops.all(ops.equal(ids[:, None], ids[None]), axis=-1)

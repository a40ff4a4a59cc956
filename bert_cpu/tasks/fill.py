"""Words in place of `[MASK]`: what BERT is pre-trained to do, as a task."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from tokenizers import Encoding, Tokenizer

from bert_cpu.errors import Unanswerable, UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.target import Target
from bert_cpu.task import Outputs, Task
from bert_cpu.tasks.parts.fill_in import fill_in
from bert_cpu.tasks.parts.hide_others import hide_others
from bert_cpu.tasks.parts.hide_words import MOST_MASKS, hide_words
from bert_cpu.tasks.parts.masked_targets import (
    mask_places,
    mask_positions,
    masked_targets,
)
from bert_cpu.tasks.parts.pretrain import (
    MASKED_WORDS_NAMES,
    masked_losses,
    masked_words_logits,
)
from bert_cpu.tasks.parts.refuse_smoothing import refuse_smoothing
from bert_cpu.text.rows import Row, text_of
from bert_cpu.text.special_tokens import MASK

# Words that an answer offers for each mask.
_NUM_OFFERED = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The likeliest words for each `[MASK]` of a text.

    Args:
        text: str, as asked.
        fills: for each mask the five likeliest words, best first, each with
            `word` and `probability`. A word that begins with `##` goes on from
            what stands before it. Empty for an empty text.
        filled: str, the text with the best word in each place.
    """

    text: str
    fills: list[list[dict[str, Any]]]
    filled: str

    def columns(self) -> list[str]:
        if not self.fills:
            return ["-", "-"]
        best = [words[0] for words in self.fills]
        return [
            " ".join(each["word"] for each in best),
            " ".join(f"{each['probability']:.4f}" for each in best),
        ]


class Fill(Task):
    """Says which words stand where a text has `[MASK]`.

    It learns from plain texts: words of them are hidden, other ones in each epoch.
    In the texts that are measured some words are hidden for good, so that any two
    models are asked the same. A text that has `[MASK]` already is taken as it is,
    and its label column has the hidden words, with spaces between them.

    Long texts are read in windows. A mask that is in two of them is answered from
    the one that shows more around it.

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, section 3.1.
    """

    name = "fill"
    sample: ClassVar[tuple[str, str]] = (f"a text with a {MASK} in it", "")
    has_labels = False
    labels_are_words = True
    too_long = "text"
    points_into_text = True
    targets: ClassVar[Mapping[str, Target]] = {
        # `MOST_MASKS` of each; position 0, [CLS], is never hidden: it pads.
        "masked_positions": Target("int32", is_list=True),
        "masked_ids": Target("int32", is_list=True),
        # Which word a token is of, from 1; 0 for what is not to be hidden.
        "words": Target("int32", is_list=True),
        "mask_id": Target("int32"),
    }
    head_names = MASKED_WORDS_NAMES
    has_pretrained_head = True
    architecture = "BertForMaskedLM"
    reads_first_token = False
    metrics = ("accuracy", "mrr_at_5")
    multiplies_words = True
    lean_products: ClassVar[Mapping[str, str]] = {
        "transform": "cls.predictions.transform.dense"
    }
    lean_norms: ClassVar[Mapping[str, str]] = {
        "transform": "cls.predictions.transform.LayerNorm"
    }
    lean_biases: ClassVar[Mapping[str, str]] = {"words": "cls.predictions"}

    # --- data

    def read(self, row: Row, settings: PrepareSettings) -> Example:
        position, values = row
        text = text_of(row, self.column(settings, "text"), "--text")
        hidden = None
        if MASK in text:
            column = self.column(settings, "label")
            if not isinstance(values.get(column), str):
                raise UserError(
                    f"{position} has {MASK} in its text, but no words for it in column "
                    f"'{column}'. Write them there, or write the text in full."
                )
            hidden = values[column].split()
        return Example(text, None, hidden, position)

    def pose(self, example: Example, tokenizer: Tokenizer) -> Example:
        return hide_words(example, tokenizer)

    def encode(
        self,
        example: Example,
        windows: Sequence[Encoding],
        apart: Encoding | None,
        labels: Mapping[str, int],
    ) -> list[dict[str, Any]] | None:
        return masked_targets(example.label, windows, labels)

    def draw(self, batch: dict[str, Any], seed: Any) -> dict[str, Any]:
        return hide_others(batch, seed)

    # --- training

    def build(self, encoder: Any, labels: Sequence[str], dropout: float) -> Any:
        """See `Task.build`. Output: `logits`, float32 `(batch, predictions, words)`.

        There is nothing to drop out: the head is the one of pre-training.
        """
        import keras

        inputs, logits = masked_words_logits(encoder)
        return keras.Model(inputs, {"logits": logits}, name="filler")

    def losses(
        self,
        batch: Mapping[str, Any],
        outputs: Mapping[str, Any],
        smoothing: float = 0.0,
    ) -> tuple[Any, Any]:
        import tensorflow as tf

        weights = tf.cast(batch["masked_positions"] > 0, tf.float32)
        return masked_losses(batch["masked_ids"], weights, outputs["logits"])

    # --- conversion

    def lean_outputs(
        self, graph: Any, hidden: Any, inputs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See `Task.lean_outputs`. `logits` are of the first masks in the text, in
        order; where there are fewer than `MOST_MASKS`, [CLS] pads, as in records."""
        import tensorflow as tf

        length = inputs["input_ids"].shape[0]
        is_mask = inputs["input_ids"] == graph.token_ids[MASK]
        # Earlier masks score higher, so that the best are the first, in order.
        scores = tf.where(is_mask, tf.range(length, 0, -1), 0)
        scores, positions = tf.math.top_k(scores, min(MOST_MASKS, length))
        positions = tf.where(scores > 0, positions, 0)
        positions = tf.pad(positions, [[0, MOST_MASKS - positions.shape[0]]])
        x = graph.activation(graph.product("transform", tf.gather(hidden, positions)))
        logits = graph.words_product(graph.norm("transform", x)) + graph.bias("words")
        return {"logits": logits[None]}

    # --- answers

    def answer(
        self,
        example: Example,
        windows: Sequence[Encoding],
        outputs: Sequence[Outputs],
        labels: Sequence[str],
    ) -> Answer:
        if not example.text.strip():
            return Answer(example.text, [], example.text)
        places = mask_places(windows)
        if not places:
            raise Unanswerable(
                f"The text '{example.text[:40]}' has no {MASK}. Write {MASK}, in "
                "capitals, where a word is missing."
            )
        best: dict[int, tuple[int, np.ndarray]] = {}
        for window, output in zip(windows, outputs, strict=True):
            positions = mask_positions(window)
            if len(positions) > MOST_MASKS:
                raise Unanswerable(
                    f"The text '{example.text[:40]}' has {len(positions)} {MASK} in "
                    f"{len(window)} tokens, but {MOST_MASKS} are answered at most. "
                    "Write some of its words."
                )
            for position, logits in zip(positions, output["logits"], strict=False):
                place = window.offsets[position][0]
                context = min(position, len(window) - 1 - position)
                if place not in best or context > best[place][0]:
                    best[place] = context, logits
        fills = [_offer(best[place][1], labels) for place in places]
        words = [words[0]["word"] for words in fills]
        return Answer(example.text, fills, fill_in(example.text, places, words))

    def measure(
        self,
        examples: Sequence[Example],
        answers: Sequence[Answer],
        labels: Sequence[str],
    ) -> dict[str, Any]:
        """See `Task.measure`. `accuracy` counts masks whose best word is the right
        one, `accuracy_at_5` those that have it among five, and `mrr_at_5` is the mean
        of one by the rank of the right word, or 0 where it isn't among the five."""
        ranks = np.array(
            [
                _rank(words, truth)
                for example, answer in zip(examples, answers, strict=True)
                for words, truth in zip(answer.fills, example.label, strict=True)
            ]
        )
        return {
            "accuracy": float(np.mean(ranks == 1)),
            "mrr_at_5": float(np.mean(1 / ranks)),
            "accuracy_at_5": float(np.mean(np.isfinite(ranks))),
            "masks": len(ranks),
            "examples": len(examples),
        }

    def mistake(self, example: Example, answer: Answer) -> dict[str, Any] | None:
        """See `Task.mistake`: of a text's wrong words, the one it was surest of."""
        wrong = [
            (words[0]["probability"], truth, words[0]["word"])
            for words, truth in zip(answer.fills, example.label, strict=True)
            if words[0]["word"] != truth
        ]
        if not wrong:
            return None
        probability, truth, predicted = max(wrong)
        return {"label": truth, "predicted": predicted, "probability": probability}

    def check(self, settings: PrepareSettings) -> None:
        super().check(settings)
        refuse_smoothing(self.name, settings, "hidden words")
        if settings.text_pair is not None:
            raise UserError(
                f"--text-pair is {settings.text_pair}, but --task fill reads one text. "
                "Leave the option out."
            )


def _offer(logits: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """The likeliest words, best first, with their softmax."""
    # A model may have room for more words than its tokenizer knows.
    known = logits[: len(labels)].astype(np.float64)
    shares = np.exp(known - known.max())
    shares /= shares.sum()
    best = np.argsort(-shares, kind="stable")[:_NUM_OFFERED]
    return [
        {"word": labels[index], "probability": round(float(shares[index]), 6)}
        for index in best.tolist()
    ]


def _rank(words: Sequence[Mapping[str, Any]], truth: str) -> float:
    """From 1; infinite if the truth is not among the words."""
    offered = [each["word"] for each in words]
    return offered.index(truth) + 1.0 if truth in offered else np.inf

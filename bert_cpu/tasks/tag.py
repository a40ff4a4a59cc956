"""The entities in a text: people, places and whatever else training had marked."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from tokenizers import Encoding

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.mark import Mark
from bert_cpu.settings import PrepareSettings
from bert_cpu.target import Target
from bert_cpu.task import Outputs, Task
from bert_cpu.text.bio import tags_to_spans
from bert_cpu.text.conll import read_conll
from bert_cpu.text.entities import Entities, Entity
from bert_cpu.text.entity_scores import entity_scores
from bert_cpu.text.join_tokens import join_tokens
from bert_cpu.text.likeliest_tags import likeliest_tags
from bert_cpu.text.read_entities import read_entities
from bert_cpu.text.rows import Row
from bert_cpu.text.strings_of import strings_of
from bert_cpu.text.visible_span import visible_span
from bert_cpu.text.word_runs import join_addresses, word_runs
from bert_cpu.text.words import Word, read_words

# Of tokens without a tag: special ones, further pieces of words, padding.
_NO_TAG = -100
# Of files in columns. The last is what WNUT-17 calls its test set.
_SUFFIXES = (".conll", ".bio", ".bioes", ".annotated")
# Where entities are looked for, if the command line names no column.
_LABEL_COLUMNS = ("spans", "tags", "label")


class Tag(Task):
    """Asks of each word whether an entity begins with it or goes on with it.

    The labels are BIO, whatever the data is written in. An example's label is a list
    of `[start, end, type]`, in characters.

    A word's first piece answers for all of it, as in the paper: so no answer cuts a
    word in two, and long words weigh no more than short ones. A Chinese character is
    a word of its own.

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, section 5.3.
    """

    name = "tag"
    columns = {"label": "tags"}
    reads_tokens = True
    formats = dict.fromkeys(_SUFFIXES, read_conll)
    unlabelled_formats = dict.fromkeys(_SUFFIXES, partial(read_conll, labelled=False))
    too_long = "text"
    points_into_text = True
    targets = {"tags": Target("int32", is_list=True, padding=_NO_TAG)}
    head_names = {
        "logits/kernel": "classifier.weight",
        "logits/bias": "classifier.bias",
    }
    architecture = "BertForTokenClassification"
    reads_first_token = False
    per_token = frozenset({"logits"})
    metrics = ("f1", "precision", "recall")
    lean_products = {"classifier": "classifier"}

    def check(self, settings: PrepareSettings) -> None:
        super().check(settings)
        if settings.text_pair is not None:
            raise UserError(
                f"--text-pair is {settings.text_pair}, but --task tag reads one text. "
                "Leave the option out."
            )

    def read(self, row: Row, settings: PrepareSettings) -> Example:
        """Takes a text and its entities out of a row; see `read_entities`.

        Where the command line names no columns, they are `text` and `spans`, or
        `tokens` (or else `text`) and `tags`.
        """
        position, values = row
        label = self.column(settings, "label")
        if settings.label == PrepareSettings.label:
            label = next((key for key in _LABEL_COLUMNS if key in values), label)
        column = self.column(settings, "text")
        if settings.text == PrepareSettings.text and label != "spans":
            column = "tokens" if "tokens" in values else column
        text, spans = read_entities(row, column, label, settings.repair)
        return Example(text, None, [list(span) for span in spans], position)

    def read_texts(
        self, row: Row, text: str | None = None, text_pair: str | None = None
    ) -> tuple[str, str | None]:
        """See `Task.read_texts`. Tokens are joined as for training."""
        position, values = row
        if text is None:
            is_cut = "tokens" in values and "spans" not in values
            text = "tokens" if is_cut else "text"
        if isinstance(values.get(text), list):
            joined, _ = join_tokens(strings_of(row, text, "token"))
            row = position, values | {text: joined}
        return super().read_texts(row, text, text_pair)

    def label_names(self, example: Example) -> Iterable[str]:
        return _bio_labels({kind for _, _, kind in example.label})

    def order_labels(self, found: Iterable[str]) -> tuple[str, ...]:
        """O, and then B- and I- of each type by the alphabet."""
        return _bio_labels({label[2:] for label in found if label != "O"})

    def encode(
        self,
        example: Example,
        windows: Sequence[Encoding],
        apart: Encoding | None,
        labels: Mapping[str, int],
    ) -> list[dict[str, Any]]:
        """Tags the first piece of each word, in every window that it is in.

        Of words that stand together without an entity among them ("don't", ":-)"),
        only the first is tagged. The others are outside as well, but a corpus that
        has them as one word says so once: learned of each, `O` becomes so likely that
        entities are missed.
        """
        tags = [[_NO_TAG] * len(window) for window in windows]
        words = join_addresses(read_words(windows), example.text)
        word_tags = _word_tags(words, example.label)
        for first, behind in word_runs(words, example.text):
            if all(tag == "O" for tag in word_tags[first:behind]):
                behind = first + 1
            for word, tag in zip(
                words[first:behind], word_tags[first:behind], strict=True
            ):
                for window, token in word.places:
                    tags[window][token] = labels[tag]
        return [{"tags": each} for each in tags]

    def build(self, encoder: Any, labels: Sequence[str], dropout: float) -> Any:
        """See `Task.build`. Output: `logits`, float32 `(batch, length, num_labels)`."""
        import keras

        from bert_cpu.layers.dropout import Dropout

        x = encoder.output["sequence"]
        x = Dropout(dropout, dtype="float32", name="head_dropout")(x)
        logits = keras.layers.Dense(
            len(labels),
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            dtype="float32",
            name="logits",
        )(x)
        return keras.Model(encoder.input, {"logits": logits}, name="tagger")

    def losses(
        self, batch: Mapping[str, Any], outputs: Mapping[str, Any], smoothing: float
    ) -> tuple[Any, Any]:
        """The summed cross-entropy of each window's tagged tokens, and their number.

        Labels are smoothed as by Szegedy et al. 2015
        (https://arxiv.org/abs/1512.00567).
        """
        import keras

        tags, logits = batch["tags"], outputs["logits"]
        has_tag = keras.ops.cast(tags != _NO_TAG, logits.dtype)  # (batch, length)
        num_labels = logits.shape[-1]
        shares = keras.ops.one_hot(
            keras.ops.maximum(tags, 0), num_labels, dtype=logits.dtype
        )
        shares = shares * (1 - smoothing) + smoothing / num_labels
        losses = keras.losses.categorical_crossentropy(shares, logits, from_logits=True)
        return (
            keras.ops.sum(losses * has_tag, axis=1),
            keras.ops.sum(has_tag, axis=1),
        )

    def lean_outputs(
        self, graph: Any, hidden: Any, inputs: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {"logits": graph.product("classifier", hidden)[None]}

    def answer(
        self,
        example: Example,
        windows: Sequence[Encoding],
        outputs: Sequence[Outputs],
        labels: Sequence[str],
    ) -> Entities:
        """Gives the entities of the likeliest tags that are legal BIO."""
        words = join_addresses(read_words(windows), example.text)
        if not words:
            return Entities(example.text, [])
        places = [_best_place(word, windows) for word in words]
        logits = np.array(
            [outputs[window]["logits"][token] for window, token in places]
        )
        if logits.shape[1] != len(labels):
            raise UserError(
                f"The model tells {logits.shape[1]} labels apart, but its model.json "
                f"names {len(labels)}. Convert the run again."
            )
        log_shares = _log_softmax(logits)
        ids = likeliest_tags(log_shares, labels)
        shares = np.exp(log_shares[np.arange(len(ids)), ids])
        entities = []
        for first, behind, kind in tags_to_spans([labels[index] for index in ids]):
            start, end = words[first].start, words[behind - 1].end
            start, end = visible_span(example.text, start, end)
            probability = float(shares[first:behind].min())
            text = example.text[start:end]
            entities.append(Entity(start, end, text, kind, probability))
        return Entities(example.text, entities)

    def measure(
        self, examples: Sequence[Example], answers: Sequence[Any], labels: Sequence[str]
    ) -> dict[str, Any]:
        """Scores entities; see `entity_scores`, and `examples`."""
        scores = entity_scores(
            [[tuple(span) for span in example.label] for example in examples],
            [answer.spans() for answer in answers],
            [len(example.text) for example in examples],
            [label[2:] for label in labels if label.startswith("B-")],
        )
        return scores | {"examples": len(examples)}

    def marks(
        self, example: Example, answer: Entities
    ) -> tuple[str, list[Mark]] | None:
        told = {(each.start, each.end, each.label) for each in answer.entities}
        true = {(start, end, kind) for start, end, kind in example.label}
        marks = [Mark(*each, "right" if each in true else "wrong") for each in told]
        marks += [Mark(*each, "missed") for each in true - told]
        return (example.text, sorted(marks, key=_place)) if marks else None

    def mistake(self, example: Example, answer: Any) -> dict[str, Any] | None:
        """The first entity that was missed, or found where there is no such."""
        true = Entities(
            example.text,
            [
                Entity(start, end, example.text[start:end], kind, 1.0)
                for start, end, kind in example.label
            ],
        )
        wrong = sorted({*true.spans()} ^ {*answer.spans()})
        if not wrong:
            return None
        start, end, _ = wrong[0]
        meant, found = (
            [each for each in side.entities if each.start < end and start < each.end]
            for side in (true, answer)
        )
        return {
            "label": ", ".join(map(str, meant)) or "-",
            "predicted": ", ".join(map(str, found)) or "-",
            # A tagger doesn't say how sure it is that there is no entity.
            "probability": round(found[0].probability, 6) if found else 0.0,
        }


def _bio_labels(kinds: Iterable[str]) -> tuple[str, ...]:
    return ("O", *(f"{letter}-{kind}" for kind in sorted(kinds) for letter in "BI"))


def _word_tags(words: Sequence[Word], spans: Iterable[Sequence[Any]]) -> list[str]:
    """BIO, in which a word belongs to the first entity that has a part of it."""
    tags = []
    waiting = iter(spans)
    span, before = next(waiting, None), None
    for word in words:
        while span is not None and span[1] <= word.start:
            span = next(waiting, None)
        if span is None or word.end <= span[0]:
            tags.append("O")
            continue
        tags.append(f"{'I' if span is before else 'B'}-{span[2]}")
        before = span
    return tags


def _best_place(word: Word, windows: Sequence[Encoding]) -> tuple[int, int]:
    """Where a word stands farthest from an end of its window.

    There the encoder saw the most of what is before and behind it.
    """
    return max(
        word.places,
        key=lambda place: min(place[1], len(windows[place[0]]) - 1 - place[1]),
    )


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    """float `(words, num_labels)`, of any size -> float64 logarithms of shares."""
    logits = np.float64(logits) - np.max(logits, axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _place(mark):
    return mark.start, mark.end

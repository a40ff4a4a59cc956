"""Entities in sentences of words: what `--task tag` is compared with.

As usual with transformers, the words are those of the file, the first piece of each
has its tag, and each takes its likeliest. A sentence beyond `max_length` is read in
windows that share `stride` pieces, so that no word is left out.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Encoding
from transformers import BertForTokenClassification, PreTrainedTokenizerBase

from bert_cpu.tasks.tag import Tag
from bert_cpu.text.bio import Span, spans_to_tags, tags_to_spans
from bert_cpu.text.entity_scores import entity_scores
from bert_cpu.text.join_tokens import join_tokens
from bert_cpu.text.rows import read_rows

_NO_TAG = -100  # What the model's loss leaves out.

METRICS = ("f1", "precision", "recall")
TARGETS = {"labels": _NO_TAG}


@dataclasses.dataclass(frozen=True, slots=True)
class Sentence:
    """Words, and the entities in them: first word, word behind the last, type."""

    words: list[str]
    spans: list[Span]


def read(path: str) -> list[Sentence]:
    """Reads columns; an entity that nothing begins, begins with its first word."""
    return [
        Sentence(row["tokens"], tags_to_spans(row["tags"], repair=True))
        for _, row in read_rows(path, Tag.formats)
    ]


def split_key(sentence: Sentence) -> str:
    """The text that tells which split a sentence is carved into."""
    return join_tokens(sentence.words)[0]


def labels_of(sentences: Sequence[Sentence]) -> list[str]:
    """O, and then B- and I- of each type by the alphabet."""
    kinds = {kind for sentence in sentences for *_, kind in sentence.spans}
    return ["O", *(f"{letter}-{kind}" for kind in sorted(kinds) for letter in "BI")]


def build(model: str, labels: Sequence[str]) -> BertForTokenClassification:
    return BertForTokenClassification.from_pretrained(
        model, num_labels=len(labels), dtype=torch.float32
    )


def encode(
    sentence: Sentence, tokenizer: PreTrainedTokenizerBase, max_length: int, stride: int
) -> list[Encoding]:
    return tokenizer(
        sentence.words,
        is_split_into_words=True,
        truncation=True,
        max_length=max_length,
        stride=stride,
        return_overflowing_tokens=True,
    ).encodings


def targets(
    sentence: Sentence, windows: Sequence[Encoding], labels: Sequence[str]
) -> list[dict[str, list[int]]]:
    tags = spans_to_tags(sentence.spans, len(sentence.words))
    ids = [[_NO_TAG] * len(window) for window in windows]
    for word, window, token in _first_pieces(windows):
        ids[window][token] = labels.index(tags[word])
    return [{"labels": each} for each in ids]


def answer(
    sentence: Sentence,
    windows: Sequence[Encoding],
    outputs: Sequence[Mapping[str, np.ndarray]],
    labels: Sequence[str],
) -> list[Span]:
    """The spans of each word's likeliest tag, read as `read` reads a file's.

    A word that is in two windows is told by the one with more on both sides of it.
    A word without a piece, of characters that the tokenizer drops, is outside.
    """
    tags = ["O"] * len(sentence.words)
    context = [-1] * len(sentence.words)
    for word, window, token in _first_pieces(windows):
        around = min(token, len(windows[window]) - 1 - token)
        if around > context[word]:
            context[word] = around
            tags[word] = labels[int(outputs[window]["logits"][token].argmax())]
    return tags_to_spans(tags, repair=True)


def measure(
    sentences: Sequence[Sentence], answers: Sequence[list[Span]], labels: Sequence[str]
) -> dict[str, Any]:
    """The task's own scores, which are seqeval's, over spans of words."""
    return entity_scores(
        [sentence.spans for sentence in sentences],
        answers,
        [len(sentence.words) for sentence in sentences],
        [label[2:] for label in labels if label.startswith("B-")],
    )


def _first_pieces(windows: Sequence[Encoding]) -> Iterator[tuple[int, int, int]]:
    """Yields word, window and token of each word's first piece, wherever it is."""
    pieces = [
        (word, offsets[0], index, token)
        for index, window in enumerate(windows)
        for token, (word, offsets) in enumerate(
            zip(window.word_ids, window.offsets, strict=True)
        )
        if word is not None
    ]
    # A window may begin amid a word. Offsets are characters of the word.
    starts: dict[int, int] = {}
    for word, start, *_ in pieces:
        starts[word] = min(start, starts.get(word, start))
    for word, start, index, token in pieces:
        if start == starts[word]:
            yield word, index, token

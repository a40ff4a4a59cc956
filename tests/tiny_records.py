"""Records of made-up texts, prepared in memory: no file, no checkpoint."""

import functools

from transformers import BertTokenizerFast

from bert_cpu.data.example import Example
from bert_cpu.data.prepare import prepare_records
from bert_cpu.data.sources.source import Source
from bert_cpu.settings import PrepareSettings

# Pieces to begin a word and to go on with, so that words are cut; characters of
# other scripts, so that not all of them are unknown.
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789éß好電影жש한"
VOCABULARY = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
    *("film", "##ing", "love", "##ly", ".", ",", "!", "'", "[", "]", "-"),
)


@functools.cache
def tokenizer(**settings):
    """A lower-casing WordPiece over `VOCABULARY`."""
    vocabulary = {word: number for number, word in enumerate(VOCABULARY)}
    return BertTokenizerFast(vocab=vocabulary, **settings)


def examples_of(rows):
    """(text, label) or (text, second text, label) -> examples."""
    return [
        Example(row[0], row[1] if len(row) == 3 else None, row[-1], f"row {number}")
        for number, row in enumerate(rows)
    ]


def source_of(train, validation=None, test=None, labels=None):
    """A source of rows; a split that is not given is that of training."""
    splits = {"train": train, "validation": validation, "test": test}
    readers = {
        split: functools.partial(iter, examples_of(train if rows is None else rows))
        for split, rows in splits.items()
    }
    return Source("made-up", readers, labels)


def prepare(directory, source, **settings):
    """Prepares records of a source, or of rows for all three splits."""
    if not isinstance(source, Source):
        source = source_of(source)
    return prepare_records(source, PrepareSettings(**settings), tokenizer(), directory)


def rows_of_lengths(lengths, labels=("neg", "pos")):
    """Rows, each with a text of its own, of so many tokens: 5 or more.

    Two of them are the special ones; three digits number the text.
    """
    return [
        (" ".join([*f"{number:03}", *"a" * (length - 5)]), labels[number % len(labels)])
        for number, length in enumerate(lengths)
    ]

"""Records of made-up texts, prepared in memory: no file, no checkpoint."""

import functools

from transformers import BertTokenizerFast

from bert_cpu.data.prepare import prepare_records
from bert_cpu.data.sources.source import Source
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.target import Target
from bert_cpu.task import Task
from bert_cpu.task_catalog import make_task

# Pieces to begin a word and to go on with, so that words are cut; characters of
# other scripts, so that not all of them are unknown.
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789éß好電影жש한"
VOCABULARY = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
    *("film", "##ing", "love", "##ly", ".", ",", "!", "'", "[", "]", "-"),
)


class ReadAll(Task):
    """A task that reads long texts in windows, with a target of every kind.

    Its targets are the window's number among those of its text, the places of
    tokens in the text, the share of the window that they fill, and the shares of
    the way at which they stand. It gives up texts with a question mark.
    """

    name = "read_all"
    has_labels = False
    too_long = "text"
    points_into_text = True
    targets = {
        "number": Target("int32"),
        "places": Target("int32", is_list=True, padding=-1),
        "filled": Target("float32"),
        "way": Target("float32", is_list=True, padding=0.5),
    }

    def encode(self, example, windows, apart, labels):
        if "?" in example.text:
            return None
        return [
            {
                "number": number,
                "places": self.places_of(window),
                "filled": len(window) / 16,
                "way": [place / 64 for place in self.places_of(window)],
            }
            for number, window in enumerate(windows)
        ]

    @staticmethod
    def places_of(window):
        """Where the window's own tokens start in the text."""
        return [
            start
            for (start, _), sequence in zip(
                window.offsets, window.sequence_ids, strict=True
            )
            if sequence is not None
        ]


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


def prepare(directory, source, task=None, **settings):
    """Prepares records of a source, or of rows for all three splits.

    The task is that of the settings, unless another object is given.
    """
    if not isinstance(source, Source):
        source = source_of(source)
    settings = PrepareSettings(**settings)
    task = task or make_task(settings)
    return prepare_records(source, settings, tokenizer(), directory, task)


def rows_of_lengths(lengths, labels=("neg", "pos")):
    """Rows, each with a text of its own, of so many tokens: 5 or more.

    Two of them are the special ones; three digits number the text.
    """
    return [
        (" ".join([*f"{number:03}", *"a" * (length - 5)]), labels[number % len(labels)])
        for number, length in enumerate(lengths)
    ]

"""Pre-training records of a made-up corpus, and a reader that is not ours."""

import functools

import numpy as np
import tensorflow as tf

from bert_cpu.data.pretraining.corpus import Corpus
from bert_cpu.data.pretraining.documents import documents_of
from bert_cpu.data.pretraining.prepare import prepare_pretraining
from bert_cpu.data.pretraining.vocabulary import train_vocabulary

# Tokens in a sequence, and places for those to guess.
LENGTH, MOST = 32, 5
_NEW = ("--vocab-size", 200, "--num-layers", 2, "--hidden-size", 32, "--num-heads", 2)
_QUICK = (
    *("--max-length", LENGTH, "--batch-size", 16, "--epochs", 2, "--minutes", 0),
    *("--dropout", 0.1, "--threads", 1, "--dtype", "float32", "--next-sentence"),
)
SUBJECTS = ("我们", "他们", "孩子们", "The filmmakers", "老师", "Our neighbours")
VERBS = ("喜欢", "看见", "filmed", "非常高兴地离开了", "remembered", "介绍")
OBJECTS = ("电影。", "the quiet lovers.", "北京大学。", "everything!", "自然语言。")


@functools.cache
def made_up_corpus():
    """120 documents of one to eight sentences, Chinese and English mixed."""
    random = np.random.default_rng(0)
    texts = [
        "".join(
            f"{random.choice(SUBJECTS)} {random.choice(VERBS)} {number} "
            f"{random.choice(OBJECTS)} "
            for _ in range(random.integers(1, 9))
        )
        for number in range(120)
    ]
    return Corpus("made-up", lambda: documents_of(texts))


@functools.cache
def made_up_tokenizer():
    """All of its characters, and words in pieces."""
    return train_vocabulary(made_up_corpus().sentences("train"), 200, min_count=1)


def write_texts(path):
    """Writes the made-up corpus: a sentence a line, and blank lines between texts."""
    corpus = made_up_corpus()
    documents = [
        "\n".join(document)
        for split in ("train", "validation")
        for document in corpus.documents(split)
    ]
    path.write_text("\n\n".join(documents), encoding="utf-8")


def words_of(name, *options):
    """What is typed to pre-train a tiny encoder on texts.txt, as runs/NAME.

    It is a new one, unless the options have an `--encoder`.
    """
    new = () if "--encoder" in options else _NEW
    return ("pretrain", "--data", "texts.txt", "--name", name, *new, *_QUICK, *options)


def prepare(directory, lengths=(16, LENGTH), **settings):
    """Prepares the made-up corpus."""
    return prepare_pretraining(
        made_up_corpus(), made_up_tokenizer(), directory, lengths, **settings
    )


def tokens_of(ids):
    return made_up_tokenizer().convert_ids_to_tokens([int(number) for number in ids])


def read_as_the_original(paths, length, most):
    """The original's reader: its feature names, shapes and types, and no others."""
    schema = {
        "input_ids": tf.io.FixedLenFeature([length], tf.int64),
        "input_mask": tf.io.FixedLenFeature([length], tf.int64),
        "segment_ids": tf.io.FixedLenFeature([length], tf.int64),
        "masked_lm_positions": tf.io.FixedLenFeature([most], tf.int64),
        "masked_lm_ids": tf.io.FixedLenFeature([most], tf.int64),
        "masked_lm_weights": tf.io.FixedLenFeature([most], tf.float32),
        "next_sentence_labels": tf.io.FixedLenFeature([1], tf.int64),
    }
    dataset = tf.data.TFRecordDataset([str(path) for path in paths])
    records = list(dataset.as_numpy_iterator())
    columns = {
        name: values.numpy()
        for name, values in tf.io.parse_example(records, schema).items()
    }
    return [
        {name: values[row] for name, values in columns.items()}
        for row in range(len(records))
    ]


def unmasked(record):
    """What stood there before anything was hidden, without padding."""
    ids = record["input_ids"].copy()
    num_hidden = int(record["masked_lm_weights"].sum())
    positions = record["masked_lm_positions"][:num_hidden]
    ids[positions] = record["masked_lm_ids"][:num_hidden]
    return ids[record["input_mask"] == 1]

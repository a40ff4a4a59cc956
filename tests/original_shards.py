"""Shards as google-research/bert's create_pretraining_data writes them, in longhand.

What that program itself writes was read once, see docs/pretraining.md. This says the
same in other words: its features, their order, types and padding, and what it hides.
"""

import dataclasses
import random

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Instance:
    """A training instance before anything is hidden."""

    tokens: list[str]
    border: int  # Where the second segment begins.
    is_random_next: bool
    positions: list[int]  # Of what is hidden, from left to right.


def write_original_shards(paths, documents, tokenizer, length, most):
    """Deals instances of documents to files in turn.

    Args:
        paths: of the files.
        documents: lists of sentences.
        tokenizer: of the vocabulary.
        length: int. Tokens in a sequence, padding included.
        most: int. Tokens hidden in a sequence, at most.

    Returns:
        What is in each record, file by file.
    """
    chance = random.Random(12345)
    documents = [[tokenizer.tokenize(text) for text in each] for each in documents]
    instances = [
        instance
        for number in range(len(documents))
        for instance in _instances_of(documents, number, length, most, chance)
    ]
    dealt = [instances[each :: len(paths)] for each in range(len(paths))]
    for path, own in zip(paths, dealt, strict=True):
        with tf.io.TFRecordWriter(str(path)) as writer:
            for instance in own:
                writer.write(_record(instance, tokenizer, length, most, chance))
    return [instance for own in dealt for instance in own]


def _instances_of(documents, number, length, most, chance):
    room = length - 3  # For [CLS], [SEP] and [SEP].
    chunk = []
    for place, sentence in enumerate(documents[number]):
        chunk.append(sentence)
        is_last = place == len(documents[number]) - 1
        if not is_last and sum(map(len, chunk)) < room:
            continue
        cut = chance.randint(1, max(1, len(chunk) - 1))
        first, second = sum(chunk[:cut], []), sum(chunk[cut:], [])
        is_random = not second or chance.random() < 0.5
        if is_random:
            other = (number + chance.randint(1, len(documents) - 1)) % len(documents)
            second = sum(documents[other], [])
        first, second = list(first), list(second)
        while len(first) + len(second) > room:
            longer = first if len(first) > len(second) else second
            longer.pop(chance.choice((0, -1)))
        tokens = ["[CLS]", *first, "[SEP]", *second, "[SEP]"]
        own = [n for n, each in enumerate(tokens) if each not in ("[CLS]", "[SEP]")]
        num_hidden = min(most, max(1, round(len(tokens) * 0.15)))
        positions = sorted(chance.sample(own, num_hidden))
        yield Instance(tokens, len(first) + 2, is_random, positions)
        chunk = []


def _record(instance, tokenizer, length, most, chance):
    shown, vocabulary = list(instance.tokens), tokenizer.get_vocab()
    for position in instance.positions:
        lot = chance.random()
        if lot < 0.8:
            shown[position] = "[MASK]"
        elif lot < 0.9:
            shown[position] = chance.choice(sorted(vocabulary))
    num_tokens, num_hidden = len(shown), len(instance.positions)
    segments = [0] * instance.border + [1] * (num_tokens - instance.border)
    hidden = [instance.tokens[position] for position in instance.positions]
    padding, unused = [0] * (length - num_tokens), [0] * (most - num_hidden)
    features = {
        "input_ids": _ints([vocabulary[token] for token in shown] + padding),
        "input_mask": _ints([1] * num_tokens + padding),
        "segment_ids": _ints(segments + padding),
        "masked_lm_positions": _ints(instance.positions + unused),
        "masked_lm_ids": _ints([vocabulary[token] for token in hidden] + unused),
        "masked_lm_weights": tf.train.Feature(
            float_list=tf.train.FloatList(value=[1.0] * num_hidden + unused)
        ),
        "next_sentence_labels": _ints([int(instance.is_random_next)]),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString()


def _ints(values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

"""Records of 403 made-up texts, in each format, and batches of them."""

import numpy as np
from tiny_records import prepare, rows_of_lengths, source_of, tokenizer

from bert_cpu.data.pipeline import training_batches

FORMATS = ("tfrecord", "hdf5")
# A window of 64 batches, a part of one, and a last batch of 3.
NUM_EXAMPLES, BATCH_SIZE = 403, 5


def made_up_rows():
    lengths = np.random.default_rng(0).integers(5, 33, NUM_EXAMPLES)
    return rows_of_lengths([int(length) for length in lengths], "abc")


def prepare_formats(directory, rows):
    """One manifest a format, of the same texts; TFRecords in several shards."""
    source = source_of(rows, rows[:3], rows[:150])
    return {
        record_format: prepare(
            directory / record_format,
            source,
            record_format=record_format,
            max_length=32,
            shard_size=100,
        )
        for record_format in FORMATS
    }


def batches_of(manifest, seed=0, epoch=0, batch_size=BATCH_SIZE, **settings):
    dataset = training_batches(manifest, batch_size, seed, epoch, **settings)
    return list(dataset.as_numpy_iterator())


def sequences(batches):
    """(ids, types, label) of all rows that weigh something, in order."""
    return [
        (tuple(ids[mask == 1].tolist()), tuple(types[mask == 1].tolist()), int(label))
        for batch in batches
        for ids, types, mask, label, weight in zip(
            batch["input_ids"],
            batch["token_type_ids"],
            batch["attention_mask"],
            batch["label"],
            batch["weight"],
            strict=True,
        )
        if weight > 0
    ]


def expected_sequences(rows, labels="abc"):
    return [
        (tuple(ids["input_ids"]), tuple(ids["token_type_ids"]), labels.index(label))
        for text, label in rows
        for ids in [tokenizer()(text)]
    ]


def same(one, two):
    return len(one) == len(two) and all(
        a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)
        for a, b in zip(one, two, strict=True)
    )

"""What workers that train together do with the batches that all of them draw.

Each takes its rows of every batch, and not files of its own. Files hold unlike
numbers of examples, so a worker would run out before the others, and what a batch
consists of, and where in an epoch a run is, would depend on how many workers there
are. Dealt by rows, any number of workers do what one does, every example is seen
once an epoch, and a run goes on in the middle of an epoch with another number of
workers. The price is that each worker reads and parses all records.
"""

import tensorflow as tf


def deal_rows(batch: dict, worker: int, num_workers: int) -> dict:
    """Takes one worker's rows of a batch.

    Args:
        batch: tensors by name, each with a row an example. `weight`, float32
            `(batch,)`, is one of them.
        worker, num_workers: int. Which rows to take.

    Returns:
        dict of the same tensors with fewer rows, as many for each worker: rows of
        zeros, whose weight is 0, fill up what `num_workers` does not divide.
    """
    if num_workers == 1:
        return batch
    missing = -tf.size(batch["weight"]) % num_workers

    def rows(tensor):
        paddings = [[0, missing]] + [[0, 0]] * (tensor.shape.rank - 1)
        return tf.pad(tensor, paddings)[worker::num_workers]

    return {name: rows(tensor) for name, tensor in batch.items()}


def read_ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Keeps a few batches ready, always in the same order.

    Workers take their rows by themselves; TensorFlow must not cut batches again.
    """
    options = tf.data.Options()
    options.deterministic = True
    # Its thread sleeps for as long as it has run, up to a minute, and the end of an
    # epoch often waits for it to wake up. There is nothing here for it to choose.
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    return batches.prefetch(4).with_options(options)

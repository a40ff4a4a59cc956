"""Gradients summed in memory, where all workers are on one machine."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.is_gathered import is_gathered
from bert_cpu.training.cluster.share_memory import NAME_BYTES, share_memory
from bert_cpu.training.cluster.shared_sum import (
    Room,
    SharedSum,
    gathered_bytes,
    summed_bytes,
)

# Of losses, counts and requests to stop, which are summed with the gradients.
_MOST_NUMBERS = 1024


def make_memory_sum(
    strategy: tf.distribute.Strategy,
    cluster: Cluster,
    variables: Sequence[keras.Variable],
    most_tokens: int | None,
    otherwise: Callable,
) -> Callable | None:
    """A sum as `make_gradient_sum` makes it, without TensorFlow's messages.

    Those copy each number about eight times on its way to another process of the same
    machine. Here nothing is rounded either: all numbers travel as float32.

    Args:
        strategy: of these workers, all of which must call this.
        cluster: the workers.
        variables, most_tokens: as `make_gradient_sum` has them.
        otherwise: sums where a table of which rows were expected gives all of itself.

    Returns:
        The function, or None if these workers don't share a machine and its memory.
    """
    if len({worker.rpartition(":")[0] for worker in cluster.workers}) != 1:
        return None
    gathered = {
        index
        for index, variable in enumerate(variables)
        if most_tokens
        # Other tables are small, and theirs may be dense.
        and variable.path.endswith("token/embeddings")
        and is_gathered(variable.shape[0], most_tokens, cluster.num_workers)
    }
    room = _room(variables, gathered, most_tokens or 0, cluster.num_workers)
    shared = share_memory(
        room.num_bytes,
        cluster.index,
        cluster.num_workers,
        lambda name: _tell(strategy, name),
        lambda is_so: _all_say(strategy, is_so),
        read_hardware().memory_available if cluster.shares_memory else 0,
        room.of_worker(cluster.index),
    )
    if shared is None:
        return None
    # The function keeps it as long as the run needs it.
    shared_sum = SharedSum(shared.memory, room, cluster.index, shared.meet)
    return _over(shared_sum, room, gathered, otherwise)


def _room(variables, gathered, most_tokens, num_workers):
    summed = summed_bytes(4 * _MOST_NUMBERS)
    rows = 0
    for index, variable in enumerate(variables):
        if index in gathered:
            width = int(np.prod(variable.shape[1:]))
            for num_bytes in (4 * width, 8):  # The rows, and which they are.
                rows += gathered_bytes(most_tokens * num_bytes)
        else:
            summed += summed_bytes(4 * int(np.prod(variable.shape)))
    return Room(summed, rows, num_workers)


def _over(shared_sum, room, gathered, otherwise):
    def sum_gradients(replica, gradients, numbers):
        slices = {
            index: gradient
            for index, gradient in enumerate(gradients)
            if index in gathered and isinstance(gradient, tf.IndexedSlices)
        }
        dense = {
            index: tf.cast(tf.convert_to_tensor(gradient), tf.float32)
            for index, gradient in enumerate(gradients)
            if index not in slices
        }
        rows = [
            part for each in slices.values() for part in (each.values, each.indices)
        ]
        summed = [*dense.values(), tf.stack(numbers)]
        num_summed = len(summed)
        num_bytes = (4 * each.shape.num_elements() for each in summed)
        if sum(map(summed_bytes, num_bytes)) > room.summed:
            return otherwise(replica, gradients, numbers)

        def add(*arrays):
            sums, gathered = shared_sum(arrays[:num_summed], arrays[num_summed:])
            return [*sums, *gathered]

        inputs = [*summed, *rows]
        dtypes = [each.dtype for each in inputs]
        results = tf.nest.flatten(tf.numpy_function(add, inputs, dtypes))
        for result, given in zip(results[:num_summed], summed, strict=True):
            result.set_shape(given.shape)
        found = dict(zip(dense, results, strict=False))
        parts = iter(results[num_summed:])
        for index, each in slices.items():
            values, indices = next(parts), next(parts)
            values.set_shape([None, *each.values.shape[1:]])
            indices.set_shape([None])
            found[index] = tf.IndexedSlices(values, indices, each.dense_shape)
        totals = tf.unstack(results[num_summed - 1])
        return [found[index] for index in range(len(gradients))], totals

    return sum_gradients


def _tell(strategy, name):
    """Gives all workers the bytes of the first."""

    @tf.function
    def gather():
        def replica_gather():
            replica = tf.distribute.get_replica_context()
            return replica.all_gather(tf.constant([list(name)]), axis=0)

        return strategy.run(replica_gather)

    (gathered,) = strategy.experimental_local_results(gather())
    assert gathered.shape[1] == NAME_BYTES
    return bytes(gathered.numpy()[0].tolist())


def _all_say(strategy, is_so):
    @tf.function
    def count():
        def replica_count():
            replica = tf.distribute.get_replica_context()
            return replica.all_reduce("SUM", tf.constant(float(is_so)))

        return strategy.run(replica_count)

    (counted,) = strategy.experimental_local_results(count())
    return float(counted) == strategy.num_replicas_in_sync

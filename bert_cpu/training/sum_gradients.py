"""Gradients summed over workers, with as little to send as there can be."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from bert_cpu.training.cluster.in_bfloat16 import travels_in_bfloat16
from bert_cpu.training.cluster.is_gathered import is_gathered
from bert_cpu.training.cluster.pack_bytes import pack_bytes


def make_gradient_sum(
    variables: Sequence[keras.Variable],
    num_workers: int,
    most_tokens: int | None = None,
    dtype: str = "float32",
    bytes_per_pack: int | None = None,
) -> Callable:
    """Chooses how each gradient is sent.

    - Of a large table, as `is_gathered` says, the rows that were read. All workers add
      the same rows in the same order, so that their weights stay the same.
    - Of the blocks' kernels, where products are bfloat16, bfloat16: their gradients are
      such products, and only the sum is rounded.
    - All others, and all of one kind together, in packs of `pack_bytes`.

    Args:
        variables: whose gradients they are.
        num_workers: int, 1 or more.
        most_tokens: int. That a worker's batch has; None: tables are sent whole.
        dtype: "float32" or "bfloat16", of matrix products.
        bytes_per_pack: int. 0 is all of a kind at once. None: by `pack_bytes`.

    Returns:
        `sum_gradients(replica, gradients, numbers) -> (gradients, numbers)`, for each
        replica to call with the gradients of `variables` (or none of them) and a list
        of float32 `()`. The gradients that it gives are float32; those of tables that
        were not sent whole are `tf.IndexedSlices`, in which rows may be repeated.
    """
    if bytes_per_pack is None:
        bytes_per_pack = pack_bytes(num_workers)
    packs = tf.distribute.experimental.CommunicationOptions(
        bytes_per_pack=bytes_per_pack
    )
    gathered = {
        index
        for index, variable in enumerate(variables)
        if most_tokens and is_gathered(variable.shape[0], most_tokens, num_workers)
    }
    rounded = {
        index
        for index, variable in enumerate(variables)
        if num_workers > 1 and travels_in_bfloat16(variable.path, dtype)
    }

    def sum_gradients(replica, gradients, numbers):
        summed = {}
        kinds: dict[tf.DType, dict[int, tf.Tensor]] = {}
        for index, gradient in enumerate(gradients):
            is_sent_whole = num_workers > 1 and index not in gathered
            if isinstance(gradient, tf.IndexedSlices) and not is_sent_whole:
                is_alone = num_workers == 1
                summed[index] = gradient if is_alone else _gather(replica, gradient)
                continue
            kind = tf.bfloat16 if index in rounded else tf.float32
            dense = tf.cast(tf.convert_to_tensor(gradient), kind)
            kinds.setdefault(kind, {})[index] = dense
        for each in kinds.values():
            reduced = replica.all_reduce("SUM", list(each.values()), packs)
            summed |= zip(each, reduced, strict=True)
        return (
            [tf.cast(summed[index], tf.float32) for index in range(len(gradients))],
            replica.all_reduce("SUM", numbers),
        )

    return sum_gradients


def _gather(replica, slices):
    rows = replica.all_gather(slices.values, axis=0)
    indices = replica.all_gather(slices.indices, axis=0)
    return tf.IndexedSlices(rows, indices, slices.dense_shape)

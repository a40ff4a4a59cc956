"""A batch in parts that are computed at the same time, each by one thread."""

import os

import keras
import tensorflow as tf

from bert_cpu.layers.cast_once import casting_once


def count_streams() -> int:
    """How many parts this process's threads are set for: see `Profile.environment`.

    Where operations have one thread each, as many as run side by side; else 1.
    """
    one_thread_each = os.environ.get("TF_NUM_INTRAOP_THREADS") == "1"
    at_once = int(os.environ.get("TF_NUM_INTEROP_THREADS") or 1)
    return max(1, at_once) if one_thread_each else 1


def share_out(size, num_streams: int) -> list:
    """Sizes of a batch's parts, as equal as can be.

    Args:
        size: int, or int32 tensor. Examples in the batch.
        num_streams: int. The parts.
    """
    bounds = _bounds(size, num_streams)
    return [end - start for start, end in zip(bounds[:-1], bounds[1:], strict=True)]


def in_streams(
    model: keras.Model,
    inputs: dict[str, tf.Tensor],
    num_streams: int,
    training: bool,
    whole: int = 0,
) -> dict[str, tf.Tensor]:
    """What the model says of a batch, whose parts depend on nothing of each other.

    TensorFlow runs what is ready, so that each thread walks through a part of its own.
    It need not wait for others after each operation, nor share out what is too short
    for it; and a part's tensors are more likely to be in its core's cache.

    Args:
        model: with a batch's axis first in each input and output.
        inputs: of the model.
        num_streams: int. The parts, as equal as can be; some are empty where the
            batch has fewer examples.
        training: bool. With it, dropout is on, in each part with choices of its own.
        whole: int. Examples in a batch that is full. The parts of a smaller one are
            filled up with rows of zeros to those of a full one, whose outputs are left
            out, so that it has no shapes of its own, which XLA would compile for.
            0: not at all.

    Returns:
        The model's outputs for the whole batch, in its order.
    """
    if num_streams == 1 and not whole:
        return model(inputs, training=training)
    size = tf.shape(next(iter(inputs.values())))[0]
    bounds = _bounds(size, num_streams)
    parts = [
        {name: value[start:end] for name, value in inputs.items()}
        for start, end in zip(bounds[:-1], bounds[1:], strict=True)
    ]
    sizes = share_out(size, num_streams)
    if whole:
        full = share_out(whole, num_streams)
        parts = [_filled_up(*each) for each in zip(parts, sizes, full, strict=True)]
    with casting_once():
        outputs = [model(part, training=training) for part in parts]
    if whole:
        outputs = [
            tf.nest.map_structure(lambda each, size=size: each[:size], output)
            for output, size in zip(outputs, sizes, strict=True)
        ]
    return tf.nest.map_structure(lambda *each: tf.concat(each, 0), *outputs)


def _bounds(size, num_streams):
    return [size * number // num_streams for number in range(num_streams + 1)]


def _filled_up(part, size, full):
    missing = tf.maximum(full - size, 0)
    return {
        name: tf.pad(value, [[0, missing]] + [[0, 0]] * (value.shape.rank - 1))
        for name, value in part.items()
    }

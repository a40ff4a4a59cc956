"""The gradient of a table as the rows that were read of it, each once."""

import tensorflow as tf


def sum_repeated(slices: tf.IndexedSlices) -> tf.IndexedSlices:
    """Adds up rows that stand for the same row of the table.

    Their squares, and their length, are then those of the whole gradient, whose other
    rows are zeros that need not be made and read for it.

    Args:
        slices: values `(rows, …)`, as looking rows up leaves them.

    Returns:
        The same gradient, with distinct indices in the order of their first ones.
    """
    indices, places = tf.unique(slices.indices)
    values = tf.math.unsorted_segment_sum(
        slices.values, places, num_segments=tf.shape(indices)[0]
    )
    return tf.IndexedSlices(values, indices, slices.dense_shape)

"""What workers send of their gradients, and that nothing else becomes of the sum."""

import types

import numpy as np
import pytest
import tensorflow as tf

from bert_cpu.training.cluster.is_gathered import is_gathered
from bert_cpu.training.sum_gradients import make_gradient_sum

# 1 + 2^-9 is no bfloat16.
NO_BFLOAT16 = 1.001953125
ROWS = 100
VARIABLES = [
    types.SimpleNamespace(path=path, shape=shape)
    for path, shape in (
        ("embeddings/token/embeddings", (ROWS, 2)),
        ("embeddings/segment/embeddings", (2, 2)),
        ("block_0/attention/query/kernel", (2, 1, 2)),
        ("block_0/attention/query/bias", (1, 2)),
        ("pooler/kernel", (2, 2)),
    )
]


class Replica:
    """One of two that have the same gradients, and what it sends."""

    def __init__(self):
        self.reduced = []
        self.gathered = []

    def all_reduce(self, reduce_op, values, options=None):
        assert reduce_op == "SUM"
        self.reduced.append(([each.dtype.name for each in values], options))
        return [2 * value for value in values]

    def all_gather(self, value, axis):
        self.gathered.append(value)
        return tf.concat([value, value], axis)


def gradients():
    rows = tf.constant([[1.0, NO_BFLOAT16], [2.0, 3.0], [4.0, 5.0]])
    slices = tf.IndexedSlices(rows, tf.constant([7, 99, 7]), tf.constant([ROWS, 2]))
    segments = tf.IndexedSlices(rows, tf.constant([1, 0, 1]), tf.constant([2, 2]))
    others = [tf.fill(v.shape, NO_BFLOAT16) for v in VARIABLES[2:]]
    return [slices, segments, *others]


def dense():
    return [tf.convert_to_tensor(gradient).numpy() for gradient in gradients()]


@pytest.mark.parametrize(
    "most_tokens, gathered", [(3, 2), (99, 2), (100, 0), (None, 0)]
)
def test_rows_of_a_large_table_are_gathered_and_summed_as_the_whole_would_be(
    most_tokens, gathered
):
    replica = Replica()
    summed, numbers = make_gradient_sum(VARIABLES, 2, most_tokens)(
        replica, gradients(), [tf.constant(1.5)]
    )
    assert len(replica.gathered) == gathered
    assert [isinstance(each, tf.IndexedSlices) for each in summed].count(
        True
    ) == gathered / 2
    for found, expected in zip(summed, dense(), strict=True):
        whole = tf.convert_to_tensor(found)
        np.testing.assert_allclose(whole, 2 * expected, rtol=1e-6)
    assert [float(number) for number in numbers] == [3.0]


def test_only_kernels_of_blocks_become_bfloat16_and_only_where_products_are():
    for dtype, num_rounded in (("float32", 0), ("bfloat16", 1)):
        replica = Replica()
        summed, _ = make_gradient_sum(VARIABLES, 2, None, dtype)(
            replica, gradients(), [tf.constant(NO_BFLOAT16)]
        )
        sent = [name for names, _ in replica.reduced for name in names]
        assert sent.count("bfloat16") == num_rounded
        assert {each.dtype.name for each in summed} == {"float32"}
        exact = [
            np.array_equal(tf.convert_to_tensor(found), 2 * expected)
            for found, expected in zip(summed, dense(), strict=True)
        ]
        assert exact == [True, True, not num_rounded, True, True]
        rounded = 2.0 if num_rounded else 2 * NO_BFLOAT16
        assert np.unique(summed[2]).tolist() == [rounded]


def test_gradients_are_summed_in_packs_and_numbers_as_they_are():
    for given, expected in ((None, 4 << 20), (0, 0), (1, 1)):
        replica = Replica()
        summing = make_gradient_sum(VARIABLES, 2, bytes_per_pack=given)
        summing(replica, gradients(), [tf.constant(1.0)])
        (_, packs), (names, options) = replica.reduced
        assert packs.bytes_per_pack == expected
        assert (names, options) == (["float32"], None)


def test_a_process_alone_sends_nothing_in_another_form():
    replica = Replica()
    summed, _ = make_gradient_sum(VARIABLES, 1, 1, "bfloat16")(replica, gradients(), [])
    assert not replica.gathered
    tables = [isinstance(each, tf.IndexedSlices) for each in summed]
    assert tables == [True, True, False, False, False]
    assert {name for names, _ in replica.reduced for name in names} == {"float32"}


def test_numbers_alone_are_summed_where_gradients_wait():
    summed, numbers = make_gradient_sum(VARIABLES, 2)(
        Replica(), [], [tf.constant(1.0), tf.constant(2.0)]
    )
    assert (summed, [float(number) for number in numbers]) == ([], [2.0, 4.0])


def test_a_table_is_gathered_only_while_that_is_less_than_its_own_in_a_ring():
    assert [is_gathered(100, 30, workers) for workers in (1, 2, 6, 7)] == [
        *(False, True, True, False)
    ]

"""Gradients summed in memory: the same as over the network, in every form they have."""

import contextlib
import types

import numpy as np
import pytest
import tensorflow as tf
from test_shared_sum import Together

from bert_cpu.training import sum_in_memory
from bert_cpu.training.choose_sum import describe_workers
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.sum_in_memory import make_memory_sum

ROWS = 2000
VARIABLES = [
    types.SimpleNamespace(path=path, shape=shape)
    for path, shape in (
        ("embeddings/token/embeddings", (ROWS, 2)),
        # Dense, as of the first so many rows.
        ("embeddings/position/embeddings", (512, 2)),
        ("block_0/attention/query/kernel", (2, 1, 2)),
        ("logits/bias", (ROWS,)),
    )
]
CLUSTER = ("127.0.0.1:1", "127.0.0.1:2")


def gradients(index):
    rows = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])[: 2 + index] * (1 + index)
    slices = tf.IndexedSlices(
        rows, tf.constant([7, 99, 7])[: 2 + index], tf.constant([ROWS, 2])
    )
    others = [tf.fill(v.shape, 1.001953125 * (1 + index)) for v in VARIABLES[1:]]
    return [slices, *others]


@pytest.fixture
def two(monkeypatch):
    """Calls `work(index, sum)` as each of two workers; gives what they return."""
    together = Together(2)
    shared = []

    def share(num_bytes, index, num_workers, tell, all_say, available, own):
        assert available > 1 << 20
        shared.append(together.share(index, num_bytes, own=own))
        return shared[-1]

    monkeypatch.setattr(sum_in_memory, "share_memory", share)

    def run(work, otherwise=None, most_tokens=3, workers=CLUSTER):
        def as_worker(index):
            cluster = Cluster(workers, index)
            return work(
                index,
                make_memory_sum(None, cluster, VARIABLES, most_tokens, otherwise),
            )

        return together.run(as_worker)

    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [each.close() for each in shared])
        yield run


@pytest.mark.parametrize("most_tokens", [3, ROWS, None])
def test_rows_and_dense_gradients_add_up(two, most_tokens):
    def work(index, sum_gradients):
        # Not traced: threads of one TensorFlow may wait for each other's place in it.
        sum_gradients(None, gradients(index), [tf.constant(5.0), tf.constant(7.0)])
        numbers = [tf.constant(1.0 + index), tf.constant(2.0 + 2.0 * index)]
        return sum_gradients(None, gradients(index), numbers)

    expected = [
        sum(tf.convert_to_tensor(gradients(index)[number]).numpy() for index in (0, 1))
        for number in range(len(VARIABLES))
    ]
    for summed, numbers in two(work, most_tokens=most_tokens):
        for found, wanted in zip(summed, expected, strict=True):
            whole = tf.convert_to_tensor(found)
            np.testing.assert_array_equal(whole.numpy(), wanted)
        assert [float(number) for number in numbers] == [3.0, 6.0]


def test_numbers_alone_are_summed_where_gradients_wait(two):
    def work(index, sum_gradients):
        return sum_gradients(None, [], [tf.constant(1.0), tf.constant(float(index))])

    for summed, numbers in two(work):
        assert (summed, [float(number) for number in numbers]) == ([], [2.0, 1.0])


def test_a_table_of_which_all_is_given_takes_the_other_way(two):
    def work(index, sum_gradients):
        dense = [tf.convert_to_tensor(gradient) for gradient in gradients(index)]
        return sum_gradients("replica", dense, [1.0])

    def otherwise(replica, gradients, numbers):
        assert (replica, len(gradients)) == ("replica", 4)
        return "over", "network"

    assert two(work, otherwise) == [("over", "network")] * 2


@pytest.mark.parametrize(
    "given, said",
    [
        ((1, "none"), ""),
        ((2, "memory"), "2 workers (sums in memory), "),
        ((3, "network"), "3 workers (sums over the network), "),
    ],
)
def test_a_plan_says_how_workers_sum(given, said):
    assert describe_workers(*given) == said


def test_workers_of_two_hosts_do_not_try(two):
    def work(index, sum_gradients):
        return sum_gradients

    assert two(work, workers=("host-a:1", "host-b:1")) == [None, None]

"""Updates in C++ are those of TensorFlow's kernel, which have a test with Keras's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_cpu.layers.native.operations import training_operations
from bert_cpu.training.optimizer import AdamW

pytestmark = pytest.mark.skipif(
    training_operations() is None, reason="no operations in C++ here"
)
NUMBERS = tf.constant([1.0, 1.0, 0.1, 0.1, 0.001, 1e-8])
# Rows of a table; no multiple of a register; rows that do not begin at a cache line;
# and too small to be handed over.
SHAPES = {
    "words/embeddings": (2_100, 400),
    "dense/kernel": (129, 131),
    "kinds/embeddings": (1_000, 17),
    "dense/bias": (129,),
}


def make(is_native):
    """Variables, their optimizer, and an update of them as a graph."""
    random = np.random.default_rng(0)
    variables = []
    for path, shape in SHAPES.items():
        scope, name = path.split("/")
        with keras.name_scope(scope):
            start = random.normal(size=shape).astype("float32")
            variables.append(keras.Variable(start, name=name))
    optimizer = AdamW(0.01, 0.1, 1.0, {"dense/kernel": 0.5})
    optimizer.build(variables)

    @tf.function(autograph=False)
    def update(words, read, *dense):
        slices = tf.IndexedSlices(words, read, SHAPES["words/embeddings"])
        return optimizer.apply([slices, *dense], variables, 0.5, is_native)

    return variables, optimizer, update


def gradients(seed, scale=1.0):
    random = np.random.default_rng(seed)
    # Few of many rows, some of them read again and again.
    read = np.concatenate([random.integers(0, 20, 40), [0, 2_099]])
    shapes = [(len(read), 400), *list(SHAPES.values())[1:]]
    words, *dense = (
        tf.constant(random.normal(0, scale, shape), tf.float32) for shape in shapes
    )
    return words, tf.constant(read), *dense


def values_of(variables, optimizer):
    slots = optimizer._momentums, optimizer._velocities
    return [each.numpy() for each in (*variables, *slots[0], *slots[1])]


def test_updates_and_moments_are_those_of_tensorflows_kernel():
    pairs = [make(is_native) for is_native in (True, False)]
    before = values_of(*pairs[0][:2])
    for seed, scale in enumerate(np.geomspace(1e-3, 10, 5)):
        given = gradients(seed, scale)
        lengths = [float(update(*given)) for _, _, update in pairs]
        assert lengths[0] == lengths[1]
    ours, theirs = (values_of(*each[:2]) for each in pairs)
    for mine, other, start in zip(ours, theirs, before, strict=True):
        # TensorFlow's takes 1 - 0.999 from float32, which leaves five digits of it.
        np.testing.assert_allclose(
            mine, other, rtol=2e-5, atol=2e-6 * np.abs(other).max()
        )
        assert np.abs(mine - start).max() > 100 * np.abs(mine - other).max()
    # Rows that were not read have no momentum, but decay.
    changed = [a != b for a, b in zip(ours, before, strict=True)]
    assert all(each.all() for each in changed[: len(SHAPES)])


def test_big_weights_alone_are_handed_over():
    _, _, update = make(is_native=True)
    nodes = update.get_concrete_function(*gradients(0)).graph.as_graph_def().node
    kinds = [node.op for node in nodes]
    assert kinds.count("BertCpuAdamwOfRows") == 1
    assert kinds.count("BertCpuAdamw") == 2
    assert kinds.count("ResourceApplyAdam") == 1


def test_updates_of_a_chain_wait_for_each_other(monkeypatch):
    """So that not all weights are in memory twice at a time."""
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "4")  # One chain.
    _, _, update = make(is_native=True)
    graph = update.get_concrete_function(*gradients(0)).graph
    operations = [
        each for each in graph.get_operations() if each.type.startswith("BertCpuAdamw")
    ]
    assert len(operations) == 3
    for first, second in zip(operations[:-1], operations[1:], strict=True):
        assigned = {use for output in first.outputs for use in output.consumers()}
        assert len(assigned) == 3
        for read in (each.op for each in second.inputs[:3]):
            assert read.type == "ReadVariableOp"
            assert assigned <= set(read.control_inputs)


def test_who_has_read_weights_keeps_what_was_read():
    variables, _, update = make(is_native=True)
    read = [variables[0].value.read_value()]
    copies = [read[0].numpy().copy()]
    for seed in range(4):
        update(*gradients(seed))
        read.append(variables[0].value.read_value())
        copies.append(read[-1].numpy().copy())
    for kept, copy in zip(read, copies, strict=True):
        np.testing.assert_array_equal(kept.numpy(), copy)
    assert all((a != b).any() for a, b in zip(copies[:-1], copies[1:], strict=True))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"indices": [1, 4]}, "no row of the table"),
        ({"indices": [1, -1]}, "no row of the table"),
        ({"indices": [1, 1]}, "comes twice"),
        ({"indices": [1]}, "not a row for each index"),
        ({"momentum": tf.zeros((4, 4))}, "differ in shape"),
        ({"numbers": NUMBERS[:5]}, "are six"),
    ],
)
def test_wrong_rows_are_refused(changed, said):
    table = tf.zeros((4, 3))
    given = {
        "weights": table,
        "momentum": table,
        "velocity": table,
        "values": tf.ones((2, 3)),
        "indices": [1, 3],
        "numbers": NUMBERS,
    }
    training_operations().bert_cpu_adamw_of_rows(**given)
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        training_operations().bert_cpu_adamw_of_rows(**given | changed)


def test_a_gradient_of_another_size_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="for each weight"):
        training_operations().bert_cpu_adamw(
            *[tf.zeros((4, 3))] * 3, tf.zeros((4, 4)), NUMBERS
        )

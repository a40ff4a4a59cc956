"""One update of the model, the same on one worker as on eight."""

from collections.abc import Callable

import keras
import tensorflow as tf

from bert_cpu.layers.compiled.switch import compiled_kernels
from bert_cpu.layers.native.switch import native_kernels
from bert_cpu.training.optimizer import AdamW
from bert_cpu.training.streams import count_streams, in_streams
from bert_cpu.training.sum_gradients import make_gradient_sum


def make_train_step(
    model: keras.Model,
    losses: Callable,
    optimizer: AdamW,
    strategy: tf.distribute.Strategy,
    accumulate: int = 1,
    batch_spec: dict[str, tf.TensorSpec] | None = None,
    is_compiled: bool = False,
    num_streams: int | None = None,
    sum_gradients: Callable | None = None,
    batch_size: int = 0,
    is_native: bool = False,
) -> Callable:
    """Compiles a step over one batch.

    Args:
        model, optimizer: made under `strategy.scope()`.
        losses: `(batch, outputs) -> (float32 (batch,), float32 (batch,))`: the loss
            of each example, and how many things it is a sum over.
        strategy: sums over its replicas.
        accumulate: int. Batches whose gradients are summed for one update.
        batch_spec: of all batches, as their dataset's `element_spec` says it. With
            it, the step is traced once; without, anew for the first few shapes.
        is_compiled: bool. Element-wise work of the encoder is compiled for each
            shape of batch.
        num_streams: int. Parts of a batch that are computed at the same time, up to
            the losses, which see the whole batch. None: as the threads are set.
        sum_gradients: over replicas, as `make_gradient_sum` makes it, which is told
            more there than it can be here.
        batch_size: int. Examples in one replica's batches but an epoch's last. With
            it, that one is computed in the shapes of the others; see `in_streams`.
        is_native: bool. The encoder's blocks are computed in C++ where layers fit it,
            see `native_kernels`, and big weights are updated there.

    Returns:
        `train_step(batch, is_update, stop) -> (loss, stops)`. `batch` is one
        replica's, as `training_batches` gives it. `is_update` is a bool: with
        it, the batch is the last of an update (always true with `accumulate` 1).
        `loss` is float32 `()`, the weighted mean over all replicas' examples (or
        what else is counted) before the update. `stop` is float32 `()`; `stops` is
        its sum over replicas, so that all learn in the same step that one was asked
        to stop.
    """
    variables = model.trainable_variables
    sum_gradients = sum_gradients or make_gradient_sum(
        variables, strategy.num_replicas_in_sync
    )
    num_streams = num_streams or count_streams()
    with strategy.scope():
        optimizer.build(variables)  # Slots can't be made while tracing.
        optimizer.start_average(variables)
        waiting = _Waiting(variables) if accumulate > 1 else None

    def replica_step(batch, is_update, stop):
        with tf.GradientTape() as tape:
            with compiled_kernels(is_compiled), native_kernels(is_native):
                inputs = _inputs_of(model, batch)
                outputs = in_streams(
                    model, inputs, num_streams, training=True, whole=batch_size
                )
            example_losses, counts = losses(batch, outputs)
            loss_sum = tf.reduce_sum(example_losses * batch["weight"])
        gradients = tape.gradient(loss_sum, variables)
        weight = tf.reduce_sum(counts * batch["weight"])
        replica = tf.distribute.get_replica_context()
        # An input has no device yet, and is reduced only once it has one.
        sums = [loss_sum, weight, tf.identity(stop)]
        if waiting is None:
            gradients, sums = sum_gradients(replica, gradients, sums)
            _update(gradients, sums[1])
        else:
            _, sums = sum_gradients(replica, [], sums)
            waiting.add(gradients, weight)
            if is_update:
                total, total_weight = waiting.take()
                total, (total_weight,) = sum_gradients(replica, total, [total_weight])
                _update(total, total_weight)
        loss_sum, loss_weight, stops = sums
        return loss_sum / tf.maximum(loss_weight, 1e-9), stops

    def _update(gradients, weight):
        scale = 1.0 / tf.maximum(weight, 1e-9)
        optimizer.apply(gradients, variables, scale, is_native)

    def compile_step(is_update):
        def step(batch, stop):
            per_replica = strategy.run(replica_step, (batch, is_update, stop))
            # All-reduced above: every replica holds the same.
            return tuple(strategy.experimental_local_results(x)[0] for x in per_replica)

        signature = batch_spec and (batch_spec, tf.TensorSpec([], tf.float32))
        # Nothing of it branches by a tensor, and looking for that takes a second.
        return tf.function(step, signature, autograph=False, reduce_retracing=True)

    steps = {is_update: compile_step(is_update) for is_update in (False, True)}

    def train_step(batch, is_update, stop):
        return steps[is_update](batch, stop)

    return train_step


def make_predict_step(model: keras.Model, batch_spec: dict) -> Callable:
    """Compiles `batch -> outputs` without dropout, for any batch and length.

    Args:
        model: keras.Model.
        batch_spec: of all batches, as their dataset's `element_spec` says it.
    """

    num_streams = count_streams()

    @tf.function(input_signature=[_inputs_of(model, batch_spec)], autograph=False)
    def predict_inputs(inputs):
        return in_streams(model, inputs, num_streams, training=False)

    # Now, so that no thread traces the model beside another.
    predict_inputs.get_concrete_function()

    def predict_step(batch):
        return predict_inputs(_inputs_of(model, batch))

    return predict_step


def _inputs_of(model, batch):
    """Of a batch, the tokens and those targets that the model reads."""
    return {name: batch[name] for name in model.input}


class _Waiting:
    """Gradients of a replica that wait for the rest of their update."""

    def __init__(self, variables):
        self._sums = [
            tf.Variable(tf.zeros(v.shape), trainable=False) for v in variables
        ]
        self._weight = tf.Variable(0.0, trainable=False)

    def add(self, gradients, weight):
        for total, gradient in zip(
            [*self._sums, self._weight], [*gradients, weight], strict=True
        ):
            tf.raw_ops.AssignAddVariableOp(
                resource=total.handle, value=tf.convert_to_tensor(gradient)
            )

    def take(self):
        sums = [tf.identity(total) for total in self._sums]
        weight = tf.identity(self._weight)
        with tf.control_dependencies([*sums, weight]):
            for total in [*self._sums, self._weight]:
                tf.raw_ops.AssignVariableOp(
                    resource=total.handle, value=tf.zeros(total.shape)
                )
        return sums, weight

"""AdamW in one pass over the weights, with a rate for each layer."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from bert_cpu.training.native_adamw import NativeUpdates, takes_natively
from bert_cpu.training.sum_repeated import sum_repeated

# An average of all weights takes two thirds of the time of Adam's kernel. What changes
# little from one update to the next need not be added each time.
_AVERAGED_EACH_OF = 100  # The first updates, whose momentum is low.
_AVERAGED_EVERY = 4  # Later.


class AdamW(keras.optimizers.AdamW):
    """Keras's AdamW, computed by TensorFlow's fused kernel.

    Keras updates a weight in a dozen passes over memory, the kernel in one. It
    takes gradients that are already summed over replicas, and every
    replica makes the same update, so nothing is left to communicate.

    Args:
        learning_rate: float or schedule.
        weight_decay: float. Times the rate, taken off weights at each update;
            never off norms and biases.
        clip_norm: float. Longest gradient over all weights; 0 for any.
        rate_multipliers: mapping of variable path to float. A variable that is
            not in it learns at the full rate.
        ema_momentum: float in `[0, 1)`. Of a moving average of the weights; 0
            for none. At update `t` it is `(1 + t) / (10 + t)` if that is less, as
            in TensorFlow's ExponentialMovingAverage. After 100 updates, every fourth
            is averaged, with the momentum of four. `average_swapped_in` evaluates
            with it.

    Reference: Loshchilov and Hutter 2017, https://arxiv.org/abs/1711.05101.
    """

    def __init__(
        self,
        learning_rate,
        weight_decay=0.01,
        clip_norm=1.0,
        rate_multipliers: Mapping[str, float] | None = None,
        ema_momentum=0.0,
        **kwargs,
    ):
        super().__init__(
            learning_rate,
            weight_decay=weight_decay,
            epsilon=kwargs.pop("epsilon", 1e-8),
            use_ema=ema_momentum > 0,
            ema_momentum=ema_momentum,
            **kwargs,
        )
        self.clip_norm = clip_norm
        self.rate_multipliers = dict(rate_multipliers or {})

    def apply(self, grads, trainable_variables, scale=1.0, is_native=False):
        """Makes one update.

        Args:
            grads: list of float32 tensors, summed over replicas; of tables also
                `tf.IndexedSlices`, whose repeated rows are one row's gradient.
            trainable_variables: list of the variables that `build` was called
                with, in the same order.
            scale: float32 `()`. Multiplies the gradients, before they are clipped.
            is_native: bool. Big weights are updated by an operation in C++.

        Returns:
            float32 `()`. The length of the whole gradient, before clipping.
        """
        grads = [
            sum_repeated(grad) if isinstance(grad, tf.IndexedSlices) else grad
            for grad in grads
        ]
        norm = tf.linalg.global_norm(grads) * scale
        if self.clip_norm:
            # One factor for both, so that gradients are passed over once.
            scale *= self.clip_norm / tf.maximum(norm, self.clip_norm)
        rate = tf.cast(self.learning_rate, tf.float32)
        step = tf.cast(self.iterations.value, tf.float32) + 1.0
        beta_powers = tf.pow(self.beta_1, step), tf.pow(self.beta_2, step)
        # As TensorFlow's kernel corrects it.
        correction = tf.sqrt(1.0 - beta_powers[1]) / (1.0 - beta_powers[0])
        constants = 1.0 - self.beta_1, 1.0 - self.beta_2, self.epsilon
        native = NativeUpdates(scale, *constants) if is_native else None
        slots = zip(self._momentums, self._velocities, strict=True)
        for grad, variable, (momentum, velocity) in zip(
            grads, trainable_variables, slots, strict=True
        ):
            handles = [_handle(each) for each in (variable, momentum, velocity)]
            variable_rate = rate * self.rate_multipliers.get(variable.path, 1.0)
            decay = self.weight_decay if is_decayed(variable) else 0.0
            kept = 1.0 - variable_rate * decay
            if native is not None and takes_natively(variable):
                native.add(handles, grad, kept, variable_rate * correction)
                continue
            if decay:
                _assign(variable, variable.value * kept)
            tf.raw_ops.ResourceApplyAdam(
                **dict(zip(("var", "m", "v"), handles, strict=True)),
                beta1_power=beta_powers[0],
                beta2_power=beta_powers[1],
                lr=variable_rate,
                beta1=self.beta_1,
                beta2=self.beta_2,
                epsilon=self.epsilon,
                grad=_scaled(grad, scale),
            )
        if self.use_ema:
            self._update_average(trainable_variables, step)
        _assign(self.iterations, self.iterations.value + 1)
        return norm

    def start_average(self, trainable_variables):
        """Sets the moving average to the weights that training starts from."""
        if self.use_ema:
            averages = self._model_variables_moving_average
            for average, variable in zip(averages, trainable_variables, strict=True):
                average.assign(variable)

    def _update_average(self, trainable_variables, step):
        # Short runs would hardly leave their start at the full momentum.
        momentum = tf.minimum(self.ema_momentum, (1.0 + step) / (10.0 + step))
        is_each = step <= _AVERAGED_EACH_OF
        momentum = tf.where(is_each, momentum, momentum**_AVERAGED_EVERY)
        averages = self._model_variables_moving_average

        def add():
            for average, variable in zip(averages, trainable_variables, strict=True):
                # In place, by a kernel that subtracts a multiple.
                tf.raw_ops.ResourceApplyGradientDescent(
                    var=_handle(average),
                    alpha=1.0 - momentum,
                    delta=average.value - variable.value,
                )

        is_due = tf.logical_or(is_each, tf.equal(step % _AVERAGED_EVERY, 0.0))
        tf.cond(is_due, add, lambda: None)


def is_decayed(variable) -> bool:
    """Whether weight decay applies: to matrices and tables, not norms and biases."""
    return variable.path.rsplit("/", 1)[-1] in ("kernel", "embeddings")


def _scaled(grad, scale):
    """Dense: a row that was not read moves on as well, by its momentum."""
    if isinstance(grad, tf.IndexedSlices):
        rows = tf.IndexedSlices(grad.values * scale, grad.indices, grad.dense_shape)
        return tf.convert_to_tensor(rows)
    return grad * scale


def _handle(variable):
    # Inside `strategy.run`, a mirrored variable's handle is this replica's.
    return variable.value.handle


def _assign(variable, value):
    # A raw op, because TensorFlow forbids `assign` of a mirrored variable in a
    # replica: it can't know that every replica assigns the same.
    tf.raw_ops.AssignVariableOp(resource=_handle(variable), value=value)

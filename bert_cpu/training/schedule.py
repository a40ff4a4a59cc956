"""The learning rate over a run: a climb, then a straight fall to zero."""

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("bert_cpu")
class WarmupLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Climbs from 0 to `peak`, then falls to 0 at the last update.

    Args:
        peak: float. The highest learning rate.
        num_updates: int. Updates in the whole run. `expect` changes it while a
            run that stops by the clock finds out how many there will be.
        warmup: float in `[0, 1)`. Share of the updates that climb.

    Call arguments:
        step: int. Updates done so far.

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, appendix A.2.
    """

    def __init__(self, peak, num_updates, warmup):
        self.peak = peak
        self.warmup = warmup
        self._num_updates = tf.Variable(float(num_updates), trainable=False)

    def expect(self, num_updates: float) -> None:
        """Sets how many updates the whole run will have."""
        self._num_updates.assign(float(num_updates))

    def __call__(self, step):
        # The update that follows `step` done ones is number `step + 1`, so that
        # neither the first nor the last is wasted at a rate of 0.
        step = ops.cast(step, "float32") + 1.0
        num_updates = ops.convert_to_tensor(self._num_updates)
        num_climbing = num_updates * self.warmup
        climb = step / ops.maximum(num_climbing, 1.0)
        fall = (num_updates + 1.0 - step) / (num_updates + 1.0 - num_climbing)
        return self.peak * ops.clip(ops.minimum(climb, fall), 0.0, 1.0)

    def get_config(self):
        return {
            "peak": self.peak,
            "num_updates": int(self._num_updates),
            "warmup": self.warmup,
        }

"""The learning rate over a run: a climb, then a straight fall to zero."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("bert_cpu")
class WarmupLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Climbs from 0 to `peak`, then falls to 0 at the last update.

    Args:
        peak: float. The highest learning rate.
        num_updates: int. Updates in the whole run.
        warmup: float in `[0, 1)`. Share of the updates that climb.

    Call arguments:
        step: int. Updates done so far.

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, appendix A.2.
    """

    def __init__(self, peak, num_updates, warmup):
        self.peak = peak
        self.num_updates = num_updates
        self.warmup = warmup

    def __call__(self, step):
        # The update that follows `step` done ones is number `step + 1`, so that
        # neither the first nor the last is wasted at a rate of 0.
        step = ops.cast(step, "float32") + 1.0
        num_climbing = self.num_updates * self.warmup
        climb = step / max(num_climbing, 1.0)
        fall = (self.num_updates + 1.0 - step) / (self.num_updates + 1.0 - num_climbing)
        return self.peak * ops.clip(ops.minimum(climb, fall), 0.0, 1.0)

    def get_config(self):
        return {
            "peak": self.peak,
            "num_updates": self.num_updates,
            "warmup": self.warmup,
        }

"""The optimizer and its schedule, as settings ask for them."""

import keras

from bert_cpu.settings import RunSettings
from bert_cpu.training.optimizer import AdamW
from bert_cpu.training.rates import rate_multipliers
from bert_cpu.training.schedule import WarmupLinearDecay


def make_schedule(settings: RunSettings, *steps_of_epochs: int) -> WarmupLinearDecay:
    """The learning rate of a run.

    Args:
        settings: of the run.
        steps_of_epochs: batches in each epoch, or in all of them if it is one.
    """
    if len(steps_of_epochs) == 1:
        steps_of_epochs *= settings.epochs
    num_updates = sum(-(-steps // settings.accumulate) for steps in steps_of_epochs)
    return WarmupLinearDecay(settings.learning_rate, num_updates, settings.warmup)


def make_optimizer(
    settings: RunSettings,
    schedule: WarmupLinearDecay,
    model: keras.Model,
    layer_decay: float = 1.0,
) -> AdamW:
    """The optimizer of a run; made under the strategy's scope.

    Args:
        settings: of the run.
        schedule: of the learning rate.
        model: whose weights it will change.
        layer_decay: see `rate_multipliers`.
    """
    return AdamW(
        schedule,
        settings.weight_decay,
        settings.clip_norm,
        rate_multipliers(model, layer_decay),
        settings.ema,
        beta_2=settings.beta_2,
    )

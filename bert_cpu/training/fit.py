"""Training from start or checkpoint to the best weights, whatever is trained."""

import tensorflow as tf

from bert_cpu.errors import Interrupted
from bert_cpu.settings import RunSettings
from bert_cpu.training.checkpoint import Checkpoints, Progress
from bert_cpu.training.history import History
from bert_cpu.training.loop import Trainee, train
from bert_cpu.training.screen import Screen
from bert_cpu.training.stop import listening
from bert_cpu.training.strategy import Cluster, wait_for_all


def fit(
    trainee: Trainee,
    settings: RunSettings,
    cluster: Cluster,
    strategy: tf.distribute.Strategy,
    fingerprint: str,
    screen: Screen,
) -> Progress:
    """Trains, and leaves the chief's model with its best weights.

    Args:
        trainee: what is trained.
        settings: of the run. With `resume`, its last checkpoint is where it starts.
        cluster: which worker this is; only the chief writes.
        strategy: of the cluster.
        fingerprint: of the data, which a checkpoint belongs to.
        screen: shows bars.

    Returns:
        Progress, at the end.

    Raises:
        UserError: if a checkpoint doesn't fit, or the loss is not a number.
        Interrupted: if it was asked to stop; its state is saved.
    """
    run_dir, model = settings.run_dir, trainee.model
    checkpoints = Checkpoints(
        run_dir / "checkpoints",
        [*model.variables, *trainee.optimizer.variables],
        model.variables,
        fingerprint,
    )
    progress = checkpoints.restore() if settings.resume else Progress()
    with listening() as stop:
        history = History(run_dir, progress.step) if cluster.is_chief else None
        if cluster.is_chief and not settings.resume:
            checkpoints.save(progress)
        try:
            progress = train(
                trainee,
                settings,
                cluster,
                progress,
                checkpoints if cluster.is_chief else None,
                history,
                screen,
                stop,
            )
        except Interrupted:
            # Not before the chief has saved.
            wait_for_all(strategy, cluster)
            raise
        finally:
            if history:
                history.close()
    if cluster.is_chief:
        checkpoints.restore_best()
    return progress

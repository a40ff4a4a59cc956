"""Training from start or checkpoint to the best weights, whatever is trained."""

import tensorflow as tf

from bert_cpu.errors import FoundByAll, Interrupted
from bert_cpu.settings import RunSettings
from bert_cpu.training.checkpoint import Checkpoints, Progress
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.gather import make_gather
from bert_cpu.training.history import History
from bert_cpu.training.loop import Trainee, train
from bert_cpu.training.screen import Screen
from bert_cpu.training.stop import listening
from bert_cpu.training.strategy import wait_for_all


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
        settings: of the run. With `resume`, its last checkpoint that is whole is where
            it starts, by as many workers as there are now.
        cluster: which worker this is; only the chief writes.
        strategy: of the cluster.
        fingerprint: of the data, which a checkpoint belongs to.
        screen: shows bars.

    Returns:
        Progress, at the end.

    Raises:
        UserError: if a checkpoint doesn't fit, workers don't see the same one, or the
            loss is not a number.
        Interrupted: if it was asked to stop; its state is saved.
    """
    run_dir, model = settings.run_dir, trainee.model
    checkpoints = Checkpoints(
        run_dir / "checkpoints",
        [*model.variables, *trainee.optimizer.variables],
        model.variables,
        fingerprint,
        settings.keep_checkpoints,
    )
    # All of it is the same in all workers, also the random generators' states, so
    # that the chief's is everybody's.
    progress = checkpoints.restore(screen.say) if settings.resume else Progress()
    gather = make_gather(strategy, cluster)
    _expect_one_start(gather(progress.step), run_dir)
    with listening() as stop:
        history = None
        if cluster.is_chief:
            history = History(run_dir, progress.step, progress.epoch)
            if not settings.resume:
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
                gather,
            )
        except (Interrupted, FoundByAll):
            # Not before the chief has saved.
            wait_for_all(strategy, cluster)
            raise
        finally:
            if history:
                history.close()
    if cluster.is_chief:
        checkpoints.restore_best()
    return progress


def _expect_one_start(steps, run_dir):
    if len(set(steps)) > 1:
        raise FoundByAll(
            f"The workers would go on from steps {', '.join(map(str, steps))}: they "
            f"don't see the same files in '{run_dir / 'checkpoints'}'. Give them all "
            "one directory."
        )

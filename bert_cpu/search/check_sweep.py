"""What no trial of a sweep could do, refused before any begins."""

from typing import Any

from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import Checkpoint
from bert_cpu.search.recipes import ends_of, final_recipes
from bert_cpu.search.shared_records import check_prepared
from bert_cpu.search.space import SearchSpace, Value
from bert_cpu.settings import TrainSettings
from bert_cpu.task_catalog import make_task
from bert_cpu.training.check_length import check_length
from bert_cpu.tune_settings import TuneSettings


def check_sweep(
    settings: TuneSettings, space: SearchSpace, checkpoint: Checkpoint
) -> str:
    """Finds the objective, and refuses what can't be searched together.

    Args:
        settings: of the sweep.
        space: that is searched.
        checkpoint: the encoder.

    Returns:
        The name of the objective: the one that was asked for, or the task's first
        metric.

    Raises:
        UserError: if no trial reports the objective, the space doesn't fit the
            algorithm, the encoder or the data, or a final run is there already.
    """
    objective = _objective(settings)
    if settings.algorithm == "hyperband" and "epochs" in space.dimensions:
        raise UserError(
            "The search space has epochs, but hyperband chooses them itself, up to "
            "--epochs. Leave them out, or choose --algorithm bayesian or random."
        )
    check_prepared(settings, space)
    most = checkpoint.config.num_hidden_layers
    for name in ("keep_layers", "freeze_layers"):
        highest = max(ends_of(space, name)) if name in space.dimensions else 0
        if highest > most:
            raise UserError(
                f"The search space has {highest} for {name}, but '{checkpoint.name}' "
                f"has only {most} layers."
            )
    if "max_length" in space.dimensions:
        check_length(max(ends_of(space, "max_length")), checkpoint)
    if not settings.resume:
        _expect_use(settings, space)
        _expect_free(settings, space)
    return objective


def has_use(settings: TuneSettings, name: str, value: Value) -> bool:
    """Whether the sweep's task has a use for a value of a setting of training."""
    given: dict[str, Any] = {"task": settings.task, name: value}
    try:
        make_task(TrainSettings(**given))
    except UserError:
        return False
    return True


def _expect_use(settings, space):
    for name in ("pooling", "label_smoothing", "entity_marks"):
        for value in ends_of(space, name) if name in space.dimensions else ():
            if not has_use(settings, name, value):
                raise UserError(
                    f"The search space has {value} for {name}, which --task "
                    f"{settings.task} has no use for. Leave it out of the space."
                )


def _expect_free(settings, space):
    for run in final_recipes(settings, space, {}).values():
        run_dir = run.run_dir
        if run_dir.exists() and not settings.overwrite:
            raise UserError(
                f"'{run_dir}' exists, which the sweep would train at its end. "
                "Replace it by --overwrite, or choose another --name."
            )
        if run_dir.exists() and not (run_dir / "config.json").is_file():
            raise UserError(
                f"'{run_dir}' is not a run (it has no config.json), so --overwrite "
                "does not delete it. Choose another --name."
            )


def _objective(settings):
    metrics = make_task(settings).metrics
    # Of a converted model there are answers, and no loss.
    known = [*metrics] if settings.has_limits else [*metrics, "loss"]
    objective = settings.objective or metrics[0]
    if objective not in known:
        limits = " under a limit" if settings.has_limits else ""
        raise UserError(
            f"--objective is {objective}, which no trial of --task {settings.task} "
            f"reports{limits}. Choose among {', '.join(known)}."
        )
    return objective

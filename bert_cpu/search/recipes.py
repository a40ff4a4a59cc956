"""The settings of training that a sweep begins from and ends with."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from bert_cpu.search.space import SearchSpace
from bert_cpu.settings import PrepareSettings, TrainSettings
from bert_cpu.tune_settings import TuneSettings

PREPARING = tuple(field.name for field in dataclasses.fields(PrepareSettings))


def base_settings(settings: TuneSettings, space: SearchSpace) -> TrainSettings:
    """Of every trial, before its own values: the sweep's and the space's fixed ones."""
    return _train_settings(settings, space.fixed)


def first_settings(settings: TuneSettings, space: SearchSpace) -> TrainSettings:
    """Those whose records many trials will read: the last of each searched value."""
    values = {
        name: ends_of(space, name)[-1] for name in space.dimensions if name in PREPARING
    }
    return dataclasses.replace(base_settings(settings, space), **values)


def final_recipes(
    settings: TuneSettings, space: SearchSpace, best: Mapping[str, Any]
) -> dict[str, TrainSettings]:
    """The runs at the end, by recipe and seed.

    Args:
        settings: of the sweep.
        space: that was searched.
        best: of the best trial, the values of what is searched.

    Returns:
        "best SEED" and, unless the settings say otherwise, "default SEED" -> the
        settings of a run. The default ones are those of `bert-cpu train` with the
        sweep's own data, epochs and dtype; nothing of the space.
    """
    found = {"best": dataclasses.replace(base_settings(settings, space), **best)}
    if settings.compare_default:
        found["default"] = _train_settings(settings, {})
    return {
        f"{recipe} {seed}": dataclasses.replace(
            train,
            name=f"{settings.name}-{recipe}-{seed}",
            runs_dir=settings.runs_dir,
            seed=seed,
            workers=1,
            overwrite=False,
        )
        for seed in range(settings.seed, settings.seed + settings.final_seeds)
        for recipe, train in found.items()
    }


def ends_of(space: SearchSpace, name: str) -> list[Any]:
    """The ends of a searched range, or all values of a choice."""
    content = space.as_dict()[name]
    return next(iter(content.values())) if isinstance(content, dict) else content


def _train_settings(settings, values):
    given = {name: getattr(settings, name) for name in PREPARING}
    given |= {"epochs": settings.epochs, "dtype": settings.dtype}
    return TrainSettings(**{**given, **values})

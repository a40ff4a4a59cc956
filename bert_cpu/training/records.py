"""The records that a run trains on: its own, or a prepared directory."""

import pathlib

from bert_cpu.counted import counted
from bert_cpu.data.damage.check_shards import check_shards
from bert_cpu.data.manifest import Manifest, is_prepared, load_manifest
from bert_cpu.data.mend_records import mend_records
from bert_cpu.data.prepare import Engine, prepare_records
from bert_cpu.data.sources.open_source import open_source
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import Checkpoint
from bert_cpu.settings import PrepareSettings
from bert_cpu.task import Task
from bert_cpu.task_catalog import task_of_records
from bert_cpu.text.windows import TOLD_UNKNOWN, tokenizer_sha256
from bert_cpu.training.check_followed import check_followed
from bert_cpu.training.check_length import check_length
from bert_cpu.training.screen import Screen
from bert_cpu.training.tell_left_out import tell_left_out

_REMEDY = "Prepare the data again."
_INSTEAD = "Or leave damaged records out by --skip-damaged."


def open_records(
    settings: PrepareSettings,
    task: Task,
    directory: pathlib.Path,
    checkpoint: Checkpoint,
    screen: Screen,
    mended: pathlib.Path | None = None,
    is_chief: bool = True,
) -> Manifest:
    """Opens prepared records after checking them, or prepares them.

    Args:
        settings: `data` may be a prepared directory; else it is a source, and
            its records are made in `directory` unless they are there.
        task: what they are for.
        directory: of the run's own records.
        checkpoint: the encoder, for its tokenizer and its longest sequence.
        screen: shows a bar, and what was cut or left out.
        mended: where records go that have some damaged ones, without those, and
            where they are looked for first. Default: a damaged one is a mistake.
        is_chief: whether this process may make them; others find them there.

    Raises:
        UserError: for every mistake of the source, a damaged shard, or records
            that were made for another tokenizer.
    """
    if is_prepared(settings.data):
        directory = pathlib.Path(settings.data)
    if mended is not None and is_prepared(str(mended)):
        directory = mended
    if is_prepared(str(directory)):
        manifest = load_manifest(directory)
        _check(manifest, settings, checkpoint, task)
        if mended is None or mended == directory:
            _check_shards(manifest, "" if mended else _INSTEAD)
        elif is_chief:
            manifest = mend_records(manifest, mended, task.label_names)
        else:
            check_followed(lambda: _check_shards(manifest, ""), mended)
    else:
        return make_records(settings, task, directory, checkpoint, screen)
    _tell_losses(manifest, task, screen)
    _tell_unknown(manifest, settings, screen)
    return manifest


def make_records(
    settings: PrepareSettings,
    task: Task,
    directory: pathlib.Path,
    checkpoint: Checkpoint,
    screen: Screen,
    engine: Engine = "processes",
) -> Manifest:
    """Prepares records from a source, in place of those that may be there.

    Args:
        settings, task, directory, checkpoint, screen: see `open_records`.
        engine: see `prepare_records`.

    Raises:
        UserError: for every mistake of the source.
    """
    check_length(settings.max_length, checkpoint)
    source = open_source(settings, task)
    with screen.counting("preparing") as count:
        manifest = prepare_records(
            source, settings, checkpoint.tokenizer, directory, task, count, engine
        )
    _tell_losses(manifest, task, screen)
    _tell_unknown(manifest, settings, screen)
    return manifest


def _check(manifest, settings, checkpoint, task):
    expected = tokenizer_sha256(checkpoint.tokenizer.backend_tokenizer)
    if manifest.tokenizer_sha256 != expected:
        raise UserError(
            f"'{manifest.directory}' was prepared with another tokenizer than that of "
            f"'{checkpoint.name}'. Prepare it again with --encoder {checkpoint.name}."
        )
    check_length(manifest.max_length, checkpoint)
    _check_wishes(manifest, settings, task)
    for split in ("train", "validation", "test"):
        if split not in manifest.splits:
            raise UserError(
                f"'{manifest.directory}' has no {split} split. Prepare it again."
            )


def _check_shards(manifest, instead):
    for info in manifest.splits.values():
        check_shards(manifest.directory, info.shards, _REMEDY, instead)


def _check_wishes(manifest, settings, task):
    """Refuses options that come too late for records that are there."""
    if settings.task != manifest.task:
        raise UserError(
            f"--task is {settings.task}, but '{manifest.directory}' was prepared for "
            f"--task {manifest.task}. Give that task, or prepare the data again."
        )
    task = task_of_records(task, manifest.reading)
    made_with = {
        "max_length": manifest.max_length,
        "stride": manifest.stride,
        **manifest.preprocess,
        **{name: getattr(task, name) for name in task.reading_options},
    }
    defaults = PrepareSettings()
    for field, value in made_with.items():
        wish = getattr(settings, field)
        if wish not in (value, getattr(defaults, field)):
            raise UserError(
                f"--{field.replace('_', '-')} is {wish}, but '{manifest.directory}' "
                f"was prepared with {value}. Leave the option out, or prepare the "
                "data again."
            )


def _tell_losses(manifest, task, screen):
    tell_left_out(manifest.directory, screen)
    for split, info in manifest.splits.items():
        if info.cut_texts or info.empty_texts:
            when_cut = task.when_cut.format(max_length=manifest.max_length)
            screen.say(
                f"{split}: {info.examples:,} examples; "
                f"{counted(info.cut_texts, 'text was', 'texts were')} {when_cut}, "
                f"{counted(info.empty_texts, 'was', 'were')} empty and left out"
            )
        if info.unlabelled_texts:
            screen.say(
                f"{split}: {counted(info.unlabelled_texts, 'text')} left out that "
                f"'{manifest.source}' gives no label"
            )


def _tell_unknown(manifest, settings, screen):
    """A training split beyond the limit is refused where it is prepared; the others
    cost no training, and their measures are worth what can be read of them."""
    for split, info in manifest.splits.items():
        share = info.unknown_share
        line = f"{split}: {share:.1%} of the tokens are unknown to the vocabulary"
        if split != "train" and share > settings.most_unknown:
            screen.say(f"{line}, so that its measures say little of the model")
        elif share >= TOLD_UNKNOWN:
            screen.say(line)

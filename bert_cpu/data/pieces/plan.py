"""What is going to be written: all that pieces of one set of records must agree on."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping

import bert_cpu
from bert_cpu import storage
from bert_cpu.data.labels import LabelCount
from bert_cpu.data.manifest import Manifest, SplitInfo
from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings
from bert_cpu.target import Target
from bert_cpu.task import Task

# Examples in a piece: enough that starting one costs nothing, few enough to hold, and
# that no process has long to wait for the last one of another.
_PIECE_SIZE = 2000
# All are open at once while pieces are joined, and many systems allow a process
# 1,024 files.
_MOST_SHARDS = 500
# Where the texts are and who works on them is each machine's own.
_LOCAL = ("data", "validation", "test", "encoder", "processes")


@dataclasses.dataclass(frozen=True)
class SplitPlan:
    """What one split will be made of."""

    examples: int  # In the source: some may have no text or label.
    sha256: str  # Of all of them, in order.
    files: tuple[str, ...]  # Names of the shards, or of the one HDF5 file.
    piece_size: int  # Examples in each piece but the last.

    @property
    def num_pieces(self) -> int:
        return -(-self.examples // self.piece_size)


@dataclasses.dataclass(frozen=True)
class Plan:
    """The same for every process and machine that prepares a part of the records.

    What is not commented is as `Manifest` has it.
    """

    source: str
    task: str
    labels: tuple[str, ...]
    targets: dict[str, Target]
    max_length: int
    stride: int
    text_pair: bool
    preprocess: dict
    tokenizer_sha256: str
    record_format: str
    settings: dict  # All that change what is written.
    splits: dict[str, SplitPlan]
    version: str = bert_cpu.__version__  # Of this package.
    reading: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of all of it, as 64 hexadecimal digits."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_manifest(
        self, directory: pathlib.Path, splits: dict[str, SplitInfo]
    ) -> Manifest:
        """The manifest of what was planned, once it is written."""
        planned = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(Manifest)
            if hasattr(self, field.name) and field.name != "splits"
        }
        return Manifest(directory=directory, splits=splits, **planned)

    def save(self, path: pathlib.Path, format_name: str, **more: int) -> None:
        """Writes it as JSON, with a few numbers beside it."""
        content = {"format": format_name, "version": 1, **more}
        storage.write_json(path, content | {"plan": dataclasses.asdict(self)})


def make_plan(
    source: str,
    settings: PrepareSettings,
    task: Task,
    labels: tuple[str, ...],
    counts: Mapping[str, LabelCount],
    tokenizer_sha256: str,
    preprocess: dict,
) -> Plan:
    """Plans the records of a source that was read through once.

    Raises:
        UserError: if there would be too many shards.
    """
    kept = dataclasses.asdict(settings)
    reading = {name: getattr(task, name) for name in task.reading_options}
    known = {field.name for field in dataclasses.fields(PrepareSettings)}
    return Plan(
        source=source,
        task=task.name,
        labels=labels,
        targets=dict(task.targets),
        max_length=settings.max_length,
        stride=settings.overlap,
        text_pair=task.column(settings, "text_pair") is not None,
        preprocess=preprocess,
        tokenizer_sha256=tokenizer_sha256,
        record_format=settings.record_format,
        settings={name: kept[name] for name in sorted(known - {*_LOCAL, *reading})},
        splits={
            split: SplitPlan(
                count.examples, count.sha256, _files(split, count, kept), _PIECE_SIZE
            )
            for split, count in counts.items()
        },
        reading=reading,
    )


def load_plan(content: dict) -> Plan:
    """Reads what `Plan.save` wrote as `plan`.

    Raises:
        AttributeError, KeyError, TypeError: if it has other fields than were written.
    """
    fields = dict(content)
    fields["labels"] = tuple(fields["labels"])
    fields["targets"] = {
        name: Target(**each) for name, each in fields["targets"].items()
    }
    fields["splits"] = {
        name: SplitPlan(**each | {"files": tuple(each["files"])})
        for name, each in fields["splits"].items()
    }
    return Plan(**fields)


def _files(split, count, settings):
    if settings["record_format"] == "hdf5":
        return (f"{split}.h5",)
    size = settings["shard_size"]
    num_shards = max(1, -(-count.examples // size))
    if num_shards > _MOST_SHARDS:
        raise UserError(
            f"--shard-size is {size:,}, so {split} would have {num_shards:,} shards, "
            f"but {_MOST_SHARDS} at most are written at once. Ask for "
            f"{-(-count.examples // _MOST_SHARDS):,} or more."
        )
    return tuple(
        f"{split}-{index:05d}-of-{num_shards:05d}.tfrecord"
        for index in range(num_shards)
    )

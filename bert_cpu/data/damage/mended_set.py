"""A prepared set without its damaged records: new shards, links to whole ones."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from bert_cpu import storage
from bert_cpu.data.damage.left_out import FILE_NAME, QUARANTINE, LeftOut
from bert_cpu.data.damage.scan_records import Damage, Record, scan_records

_BLOCK = 2**20
# From what was found in a shard to the records of it that stay.
Keep = Callable[[Iterable[Record | Damage]], Iterable[Record]]


@contextlib.contextmanager
def mended_set(
    source: pathlib.Path,
    directory: pathlib.Path,
    files: Mapping[str, dict],
    damaged: Mapping[str, list[Damage]],
    keep: Keep,
) -> Iterator[tuple[pathlib.Path, Callable[[LeftOut], None]]]:
    """Makes a directory that training reads in place of one with damaged shards.

    Files that are whole are links to those of `source`, which stays as it is. Of a
    damaged one the whole records are copied, and its damaged bytes are kept aside:
    `quarantine/SHARD.OFFSET.bin`, and `left_out.json` says where each stood and what
    is wrong with it. All of it appears at once, by a rename.

    Args:
        source: the damaged set.
        directory: of the mended one; what is there is replaced.
        files: of `source`: name -> size and sha256, from its manifest.
        damaged: names of damaged shards -> where.
        keep: tells which records of a damaged shard stay.

    Yields:
        The directory while it is written aside, in which the shards are already and
        a manifest is still missing; and a function that notes what was left out.

    Raises:
        UserError: if it can't be made, or the disk is full.
    """
    with storage.new_directory(directory) as aside:
        (aside / QUARANTINE).mkdir()
        kept_bytes = []
        for name, written in files.items():
            if name not in damaged:
                (aside / name).symlink_to(_way(source / name, aside))
                continue
            found = scan_records(source / name, written["size"])
            with (aside / name).open("wb") as shard:
                for record in keep(found):
                    shard.write(record.content)
            for damage in damaged[name]:
                kept_bytes.append(_quarantine(source, name, damage, aside))

        def note(left_out: LeftOut) -> None:
            content = {
                "format": "bert_cpu.left_out",
                "version": 1,
                "source": str(source.absolute()),
                "left_out": dataclasses.asdict(left_out),
                "damage": kept_bytes,
            }
            storage.write_json(aside / FILE_NAME, content)

        yield aside, note


def _way(path, aside):
    """To a file, so that a run can be moved with the records that are in it."""
    run_dir = aside.parent.resolve()
    path = path.resolve()
    if path.is_relative_to(run_dir):
        return os.path.relpath(path, aside.resolve())
    return path


def _quarantine(source, name, damage: Damage, aside) -> dict:
    """Copies damaged bytes, and says where they stood."""
    kept = aside / QUARANTINE / f"{name}.{damage.offset}.bin"
    with (source / name).open("rb") as shard, kept.open("wb") as copy:
        shard.seek(damage.offset)
        left = damage.size
        while left and (block := shard.read(min(left, _BLOCK))):
            copy.write(block)
            left -= len(block)
    return {
        "file": name,
        **dataclasses.asdict(damage),
        "kept_as": f"{QUARANTINE}/{kept.name}",
    }

"""The shards of a prepared set that lost records to damage."""

import pathlib
from collections.abc import Mapping

from bert_cpu.data.damage.changed_shards import changed_shards
from bert_cpu.data.damage.scan_records import Damage, scan_records


def damaged_shards(
    directory: pathlib.Path, files: Mapping[str, dict], remedy: str
) -> dict[str, list[Damage]]:
    """Finds the damaged places of all shards; most sets have none.

    A shard whose SHA-256 is right is read no further. A whole one of other content
    is not damaged: somebody changed it, and what it is now nobody knows.

    Args:
        directory: where the files are.
        files: file name -> size and sha256, from the manifest.
        remedy: str. What to do about what can't be mended, for the message.

    Returns:
        dict, from the names of damaged shards to their `Damage`, in order. One of
        no bytes is at the end of a file that ends too early, between two records.

    Raises:
        UserError: if a file is missing or was changed, and it is not by damage.
    """
    damaged = {}
    for name, error in changed_shards(directory, files, remedy):
        found = scan_records(directory / name, files[name]["size"])
        damaged[name] = [each for each in found if isinstance(each, Damage)]
        if not damaged[name]:
            raise error
    return damaged

"""Whether shards are what they were, and where a damaged one is damaged."""

import pathlib
from collections.abc import Mapping

from bert_cpu.data.damage.changed_shards import changed_shards
from bert_cpu.data.damage.scan_records import Damage, scan_records
from bert_cpu.errors import UserError


def check_shards(
    directory: pathlib.Path, files: Mapping[str, dict], remedy: str, instead: str = ""
) -> None:
    """Compares files with the manifest, and says where a damaged shard is damaged.

    Args:
        directory: where the files are.
        files: file name -> size and sha256, from the manifest.
        remedy: str. What to do about a difference, for the message.
        instead: str. What else can be done about a damaged record.

    Raises:
        UserError: naming the file, and the byte of the first damaged record.
    """
    for name, error in changed_shards(directory, files, remedy):
        path = directory / name
        found = scan_records(path)
        damage = next((each for each in found if isinstance(each, Damage)), None)
        if damage is None:
            raise error
        raise UserError(
            f"'{path}' is damaged: the record at byte {damage.offset:,} {damage.why}. "
            f"{' '.join(filter(None, (remedy, instead)))}"
        ) from error

"""The TFRecord shards of a set that are not what they were."""

import pathlib
from collections.abc import Iterator, Mapping

from bert_cpu import storage
from bert_cpu.errors import UserError


def changed_shards(
    directory: pathlib.Path, files: Mapping[str, dict], remedy: str
) -> Iterator[tuple[str, UserError]]:
    """Finds the shards whose records have to be looked at, one by one.

    Args:
        directory: where the files are.
        files: file name -> size and sha256, from the manifest.
        remedy: str. What to do about other changes, for the message.

    Yields:
        The name of a changed shard, and the mistake to raise if its records are
        whole all the same.

    Raises:
        UserError: if a file is missing, or one that is no TFRecord file was changed.
    """
    for name, expected in files.items():
        try:
            storage.check_files(directory, {name: expected}, remedy)
        except UserError as error:
            path = directory / name
            is_inside = pathlib.PurePath(name).name == name
            if not is_inside or path.suffix != ".tfrecord" or not path.is_file():
                raise
            yield name, error

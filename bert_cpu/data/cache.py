"""The directory that keeps what was fetched and built, once for all runs."""

import contextlib
import errno
import pathlib
from collections.abc import Iterator

from bert_cpu.cache_location import cache_location
from bert_cpu.errors import UserError


def cache_dir() -> pathlib.Path:
    """The cache: $BERT_CPU_CACHE, else ~/.cache/bert_cpu; made if missing.

    It can be deleted at any time; what is missing is fetched or built again.

    Raises:
        UserError: if it can't be made.
    """
    directory = cache_location()
    with storage_errors(directory):
        # For its owner alone: what is in it is trusted.
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


@contextlib.contextmanager
def storage_errors(directory: pathlib.Path) -> Iterator[None]:
    """Turns what the disk refuses into a `UserError` about `directory`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"The disk of '{directory}' is full. Make room, or set "
                "BERT_CPU_CACHE to a directory on another disk."
            ) from error
        raise UserError(
            f"'{directory}' can't be written ({error.strerror or error}). Mend it, "
            "or set BERT_CPU_CACHE to a directory that can."
        ) from error

"""Where the cache is."""

import os
import pathlib

from bert_cpu.errors import UserError


def cache_location() -> pathlib.Path:
    """$BERT_CPU_CACHE, else ~/.cache/bert_cpu; it may not be there.

    Raises:
        UserError: if nothing tells where the home directory is, as for a user of a
            container who has no entry there.
    """
    given = os.environ.get("BERT_CPU_CACHE") or "~/.cache/bert_cpu"
    try:
        return pathlib.Path(given).expanduser().absolute()
    except RuntimeError:
        raise UserError(
            f"There is no home directory for '{given}'. Set BERT_CPU_CACHE to a "
            "directory for what is fetched and measured."
        ) from None

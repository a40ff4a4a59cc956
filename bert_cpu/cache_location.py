"""Where the cache is."""

import os
import pathlib


def cache_location() -> pathlib.Path:
    """$BERT_CPU_CACHE, else ~/.cache/bert_cpu; it may not be there."""
    given = os.environ.get("BERT_CPU_CACHE")
    return pathlib.Path(given or "~/.cache/bert_cpu").expanduser().absolute()

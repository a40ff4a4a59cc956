"""Where the profile that was measured for this machine is."""

from pathlib import Path

from bert_cpu.cache_location import cache_location


def tuned_profile_location() -> Path:
    """The file that commands read, in the cache; it may not be there."""
    return cache_location() / "tuned.json"

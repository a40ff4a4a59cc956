"""Which results belong to programs that have been changed since."""

from collections.abc import Mapping
from typing import Any

from bench.catalog import GROWTH


def of_other_code(results: Mapping[str, Any]) -> list[str]:
    """The jobs with cases that were measured before the code was changed.

    Args:
        results: what bench.json holds: `code`, the last one's digest, and `codes`,
            what it was when each case was measured.
    """
    code = results.get("code")
    if code is None:  # Of before digests were kept.
        return []
    codes = results.get("codes", {})
    keys = [*results["finished"], *([GROWTH] if results.get(GROWTH) else [])]
    changed = (key.split(" | ")[0] for key in keys if codes.get(key) != code)
    return list(dict.fromkeys(changed))

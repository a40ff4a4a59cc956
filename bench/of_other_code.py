"""Which results belong to programs that have been changed since."""

from collections.abc import Mapping
from typing import Any

from bench.catalog import GROWTH


def of_other_code(results: Mapping[str, Any]) -> list[str]:
    """The jobs with cases that were measured before their code was changed.

    Args:
        results: what bench.json holds: `code`, each job's digest at the last run, and
            `codes`, what it was when each case was measured.
    """
    code = results.get("code")
    if code is None:  # Of before digests were kept.
        return []
    # Of before each job had its own, there was one for all.
    now = code if isinstance(code, dict) else {}
    codes = results.get("codes", {})
    keys = [*results["finished"], *([GROWTH] if results.get(GROWTH) else [])]
    jobs = {key: key.split(" | ")[0] for key in keys}
    changed = (
        job
        for key, job in jobs.items()
        if codes.get(key) is None or codes[key] != now.get(job)
    )
    return list(dict.fromkeys(changed))

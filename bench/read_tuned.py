"""What `bert-cpu hardware --tune` chose for ours on this machine."""

import dataclasses
from typing import Any

from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.find_tuned_profile import find_tuned_profile


def read_tuned() -> dict[str, Any] | None:
    """What contestants of ours will read: `training`, `answering`, and when.

    Returns:
        None where nothing was measured, or not for this machine: the defaults hold.
    """
    tuned, _ = find_tuned_profile(read_hardware())
    if tuned is None:
        return None
    whole = dataclasses.asdict(tuned)
    return {name: whole[name] for name in ("measured_at", "training", "answering")}

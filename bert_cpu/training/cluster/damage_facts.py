"""What workers that leave damaged records out must have in common besides."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping

from bert_cpu.data.damage.damaged_shards import damaged_shards


def damage_facts(directory: pathlib.Path, files: Mapping[str, dict]) -> dict[str, str]:
    """Describes the damage that a worker sees, for `gather_facts`.

    The manifest is the same where the shards are not, as on two machines that each
    have a copy. Workers that left other records out would run other numbers of steps.

    Args:
        directory: of the records.
        files: name -> size and sha256, from their manifest.

    Raises:
        UserError: if something is wrong that is not a damaged record.
    """
    damaged = damaged_shards(directory, files, "Prepare the data again.")
    places = {
        name: [dataclasses.astuple(damage) for damage in damages]
        for name, damages in sorted(damaged.items())
    }
    digest = hashlib.sha256(json.dumps(places).encode()).hexdigest()
    return {"the damaged records": digest}

"""What a manifest says of a prepared set, of fine-tuning or of pre-training."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from bert_cpu.target import Target


@dataclasses.dataclass(frozen=True)
class ExpectedSet:
    """The files of a set, and what is in them by kind.

    Args:
        directory: of the set.
        files: name -> size and sha256.
        kinds: name of a shard -> its kind, such as "train".
        counts: kind -> how many "records", "examples" and "tokens" it has.
        shard_records: name of a shard -> its records, where the manifest says so.
        count_record: from the features of a record to its part of "examples" and
            "tokens".
        targets: that HDF5 files were written with.
        tokenizer_sha256: of the tokenizer, where the manifest says so.
    """

    directory: pathlib.Path
    files: Mapping[str, dict]
    kinds: Mapping[str, str]
    counts: Mapping[str, Mapping[str, int]]
    shard_records: Mapping[str, int]
    count_record: Callable[[Any], dict[str, int]]
    targets: Mapping[str, Target]
    tokenizer_sha256: str | None

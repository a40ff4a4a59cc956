"""How much an HDF5 file of records holds, read to its end."""

import pathlib
from collections.abc import Mapping

from bert_cpu.data.damage.open_hdf5 import open_hdf5
from bert_cpu.data.damage.read_splits import read_splits
from bert_cpu.data.hdf5_columns import TEXT, hdf5_columns
from bert_cpu.target import Target

_BLOCK = 65_536  # Values that are read at once.


def count_hdf5(path: pathlib.Path, targets: Mapping[str, Target]) -> dict[str, int]:
    """Reads all columns, and counts records, examples and tokens.

    Args:
        path: of the file.
        targets: that it was written with.

    Raises:
        UserError: if it is not a file as `HDF5Writer` writes them.
        OSError: if HDF5 can't read or unpack a block of it.
    """
    with open_hdf5(path, targets) as file:
        lists = [name for name, target in targets.items() if target.is_list]
        for name in ("input_ids", *lists):
            read_splits(file, path, name)
        examples = 0
        for name, dtype in hdf5_columns(targets).items():
            column = file[name]
            for start in range(0, len(column), _BLOCK):
                block = column[start : start + _BLOCK]
                if dtype == TEXT:
                    examples += sum(len(line) > 0 for line in block)
        return {
            "records": len(file["example"]),
            "examples": examples,
            "tokens": len(file["input_ids"]),
        }

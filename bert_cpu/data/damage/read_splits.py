"""Where the lists of a column of an HDF5 file start, checked."""

import pathlib

import h5py
import numpy as np

from bert_cpu.data.hdf5_columns import splits_of
from bert_cpu.errors import UserError


def read_splits(file: h5py.File, path: pathlib.Path, name: str) -> np.ndarray:
    """Reads where each list of a column starts, and where the last one ends.

    Args:
        file: as `open_hdf5` gives it.
        path: of it, for the message.
        name: of the column that holds the lists.

    Returns:
        int64 `(lists + 1,)`, from 0 to the length of the column.

    Raises:
        UserError: if they lead out of the column, or backwards.
    """
    splits, num_values = file[splits_of(name)][:], len(file[name])
    is_whole = splits[0] == 0 and splits[-1] == num_values
    if not is_whole or (splits[1:] < splits[:-1]).any():
        raise UserError(
            f"'{path}' has a column '{splits_of(name)}' that does not cut "
            f"{num_values:,} values into lists. Prepare the data again."
        )
    return splits

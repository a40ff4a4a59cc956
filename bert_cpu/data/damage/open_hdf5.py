"""Opens an HDF5 file of records, after a look at what it would have us read.

HDF5 can do much that records never do: lead to other files (external links, raw
data elsewhere, virtual datasets), declare far more than is stored, or ask for a
plug-in to unpack it. A file that does comes from somebody else, by mistake or not.
"""

import math
import pathlib
from collections.abc import Mapping

import h5py

from bert_cpu.data.hdf5_columns import TEXT, hdf5_columns, splits_of
from bert_cpu.errors import UserError
from bert_cpu.target import Target

# Declared bytes for each that is stored. What a tool packed anew has up to 20.
_MOST_PACKED = 100
# Deflate, shuffle and Fletcher's checksum, which are part of HDF5.
_FILTERS = {1, 2, 3}
_REMEDY = "Prepare the data again."


def open_hdf5(path: pathlib.Path, targets: Mapping[str, Target]) -> h5py.File:
    """Opens a file whose columns are what `HDF5Writer` writes.

    Only what HDF5 keeps about the columns is read, and none of their content.

    Args:
        path: of the file.
        targets: that it was written with.

    Raises:
        UserError: if it is no HDF5 file; if a column is missing, lies elsewhere, or
            has another type or shape; if one declares far more than it stores.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        reason = " ".join(str(error).split())
        raise UserError(f"'{path}' is no HDF5 file ({reason}). {_REMEDY}") from error
    try:
        for complaint in _complaints(file, hdf5_columns(targets), targets):
            raise UserError(f"'{path}' {complaint}. {_REMEDY}")
    except BaseException:
        file.close()
        raise
    return file


def _complaints(file, columns, targets):
    """What is wrong, the first of it first."""
    for name in file:
        yield from _link_complaints(name, file.get(name, getlink=True))
    for name, dtype in columns.items():
        if name not in file:
            yield f"has no column '{name}'"
        yield from _column_complaints(name, file[name], dtype)
    lengths = {name: len(file[name]) for name in columns}
    yield from _length_complaints(lengths, targets)


def _link_complaints(name, link):
    if isinstance(link, h5py.ExternalLink):
        yield (
            f"has an external link '{name}' to '{link.path}' in '{link.filename}', "
            "and no link is followed"
        )
    if isinstance(link, h5py.SoftLink):
        yield f"has a soft link '{name}' to '{link.path}', and no link is followed"
    if not isinstance(link, h5py.HardLink):
        yield f"has a link '{name}' of an unknown kind, and no link is followed"


def _column_complaints(name, column, dtype):
    if not isinstance(column, h5py.Dataset):
        yield f"has a {type(column).__name__.lower()} '{name}', and not a column"
    if column.is_virtual:
        yield f"has a virtual column '{name}', whose data are in other files"
    if column.external:
        yield f"has a column '{name}' whose data are in '{column.external[0][0]}'"
    if column.shape is None or len(column.shape) != 1:
        yield f"has a column '{name}' of shape {column.shape}, and not of (n,)"
    if not _is_of_type(column.dtype, dtype):
        yield f"has a column '{name}' of type {column.dtype}, and not {dtype}"
    properties = column.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        code, *_, label = properties.get_filter(number)
        if code not in _FILTERS:
            yield f"has a column '{name}' packed by a filter {code} ({label.decode()})"
    declared = math.prod(column.shape) * column.dtype.itemsize
    stored = column.id.get_storage_size()
    if declared > _MOST_PACKED * stored:
        yield (
            f"has a column '{name}' of {declared:,} bytes, but only {stored:,} are "
            "stored for it"
        )


def _is_of_type(found, dtype):
    if dtype == TEXT:
        return h5py.check_string_dtype(found) is not None
    return found == dtype


def _length_complaints(lengths, targets):
    num_windows = lengths["row_splits"] - 1
    if num_windows < 0:
        yield "has nothing in its column 'row_splits'"
    ones = [name for name, target in targets.items() if not target.is_list]
    lists = [splits_of(name) for name, target in targets.items() if target.is_list]
    for name, expected in {
        **dict.fromkeys(["example", *ones], num_windows),
        **dict.fromkeys(lists, num_windows + 1),
        "token_type_ids": lengths["input_ids"],
    }.items():
        if lengths[name] != expected:
            yield (
                f"has a column '{name}' of {lengths[name]:,} values, where "
                f"{expected:,} go with the others"
            )

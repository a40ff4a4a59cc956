"""The columns of an HDF5 file of records, in the order in which they are written."""

from collections.abc import Mapping

from bert_cpu.target import Target

TEXT = "text"  # The type of a column of strings.


def hdf5_columns(targets: Mapping[str, Target]) -> dict[str, str]:
    """Names and types of all columns.

    Args:
        targets: of the task, by name.

    Returns:
        dict, from a name to a NumPy dtype, or `TEXT`.
    """
    lists = [name for name, target in targets.items() if target.is_list]
    return {
        "input_ids": "int32",
        "token_type_ids": "int8",
        **{name: target.dtype for name, target in targets.items()},
        "row_splits": "int64",
        **{splits_of(name): "int64" for name in lists},
        "example": TEXT,
    }


def splits_of(name: str) -> str:
    """The column that says where the lists of another one start."""
    is_tokens = name in ("input_ids", "token_type_ids")
    return "row_splits" if is_tokens else f"{name}_splits"

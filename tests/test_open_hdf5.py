"""What an HDF5 file must not have is refused before anything of it is read."""

import h5py
import numpy as np
import pytest

from bert_cpu.data.damage.open_hdf5 import open_hdf5
from bert_cpu.data.features import Features, Window
from bert_cpu.data.hdf5 import HDF5Reader, HDF5Writer
from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.target import Target

TARGETS = {"label": Target("int32"), "marks": Target("int32", is_list=True)}


@pytest.fixture
def path(tmp_path):
    """Five windows of three tokens, with a label and two marks each."""
    with HDF5Writer(tmp_path, "train", TARGETS) as writer:
        for number in range(5):
            window = Window([number] * 3, [0] * 3, {"label": 1, "marks": [7, number]})
            writer.write(Features(Example("a", None, None, ""), [window], False, False))
    return tmp_path / "train.h5"


@pytest.fixture(autouse=True)
def reads(monkeypatch):
    """The columns that a test reads of."""
    found = []
    get = h5py.Dataset.__getitem__

    def reading(column, *given):
        found.append(column.name)
        return get(column, *given)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", reading)
    return found


def put(path, make, name="input_ids"):
    """Replaces a column; `make(file, name)` puts another one in its place."""
    with h5py.File(path, "r+") as file:
        if name in file:
            del file[name]
        make(file, name)


def complaint_about(path, reads, targets=TARGETS):
    reads.clear()
    with pytest.raises(UserError) as refusal:
        HDF5Reader(path, targets)
    message = str(refusal.value)
    assert "\n" not in message
    assert reads == [], "something was read before the file was refused"
    start, end = f"'{path}' ", ". Prepare the data again."
    assert message.startswith(start)
    assert message.endswith(end)
    return message.removeprefix(start).removesuffix(end)


def test_what_is_written_is_opened_and_read(path, reads):
    open_hdf5(path, TARGETS).close()
    assert reads == []
    found = HDF5Reader(path, TARGETS).read(np.array([4, 0]))
    assert found["input_ids"][0].tolist() == [4, 4, 4, 0, 0, 0]
    assert found["marks"][0].tolist() == [7, 4, 7, 0]


def test_an_external_link_is_not_followed(path, reads, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["ids"] = np.zeros(15, "int32")
    put(path, lambda f, n: f.__setitem__(n, h5py.ExternalLink("secret.h5", "/ids")))
    # h5py would follow it, to a column that is as expected.
    assert h5py.File(path)["input_ids"].shape == (15,)
    assert complaint_about(path, reads) == (
        "has an external link 'input_ids' to '/ids' in 'secret.h5', and no link is "
        "followed"
    )


def test_a_soft_link_is_not_followed(path, reads):
    put(path, lambda f, n: f.__setitem__(n, h5py.SoftLink("/token_type_ids")))
    assert complaint_about(path, reads) == (
        "has a soft link 'input_ids' to '/token_type_ids', and no link is followed"
    )


@pytest.mark.parametrize("target", ["/nowhere", "/input_ids"])
def test_a_link_beside_the_columns_is_refused_too(path, reads, target):
    put(path, lambda f, n: f.__setitem__(n, h5py.SoftLink(target)), "more")
    assert complaint_about(path, reads).startswith(
        f"has a soft link 'more' to '{target}"
    )


def test_data_in_another_file_are_not_read(path, reads, tmp_path):
    (tmp_path / "raw.bin").write_bytes(bytes(60))
    raw = [(str(tmp_path / "raw.bin"), 0, 60)]
    put(path, lambda f, n: f.create_dataset(n, (15,), "int32", external=raw))
    assert h5py.File(path)["input_ids"][:].tolist() == [0] * 15
    assert complaint_about(path, reads) == (
        f"has a column 'input_ids' whose data are in '{tmp_path / 'raw.bin'}'"
    )


def test_a_virtual_column_is_not_read(path, reads, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["ids"] = np.arange(15, dtype="int32")
    layout = h5py.VirtualLayout((15,), "int32")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "ids", (15,))
    put(path, lambda f, n: f.create_virtual_dataset(n, layout))
    assert complaint_about(path, reads) == (
        "has a virtual column 'input_ids', whose data are in other files"
    )


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}])
def test_a_column_of_which_nothing_is_stored_is_refused(path, reads, options):
    """Four terabytes of the fill value, in a file of a few kilobytes."""
    put(
        path,
        lambda f, n: f.create_dataset(n, (10**12,), "int32", chunks=(1000,), **options),
    )
    assert path.stat().st_size < 10**7
    assert complaint_about(path, reads) == (
        "has a column 'input_ids' of 4,000,000,000,000 bytes, but only 0 are stored "
        "for it"
    )


def test_a_compressed_bomb_is_refused(path, reads):
    zeros = np.zeros(2_000_000, "int32")
    put(path, lambda f, n: f.create_dataset(n, data=zeros, compression="gzip"))
    said = complaint_about(path, reads)
    assert said.startswith("has a column 'input_ids' of 8,000,000 bytes, but only ")
    assert said.endswith(" are stored for it")


def test_a_column_that_a_tool_compressed_is_read(path):
    values = np.repeat(np.arange(5, dtype="int32"), 3)
    put(
        path,
        lambda f, n: f.create_dataset(
            n, data=values, compression="gzip", shuffle=True, fletcher32=True
        ),
    )
    found = HDF5Reader(path, TARGETS).read(np.arange(5))
    assert found["input_ids"][0].tolist() == values.tolist()


def test_a_filter_that_is_no_part_of_hdf5_is_refused(path, reads):
    values = np.arange(15, dtype="int32")
    put(path, lambda f, n: f.create_dataset(n, data=values, compression="lzf"))
    assert complaint_about(path, reads) == (
        "has a column 'input_ids' packed by a filter 32000 (lzf)"
    )


@pytest.mark.parametrize("shape", [(), (3, 5), (15, 1, 1)])
def test_a_column_of_another_shape_is_refused(path, reads, shape):
    put(path, lambda f, n: f.create_dataset(n, data=np.zeros(shape, "int32")))
    assert complaint_about(path, reads) == (
        f"has a column 'input_ids' of shape {shape}, and not of (n,)"
    )


def test_a_column_without_a_shape_is_refused(path, reads):
    put(path, lambda f, n: f.__setitem__(n, h5py.Empty("int32")))
    assert complaint_about(path, reads) == (
        "has a column 'input_ids' of shape None, and not of (n,)"
    )


@pytest.mark.parametrize("dtype", ["int64", "float32", "S4", [("a", "int32")]])
def test_a_column_of_another_type_is_refused(path, reads, dtype):
    put(path, lambda f, n: f.create_dataset(n, (15,), dtype, data=np.zeros(15, dtype)))
    assert complaint_about(path, reads) == (
        f"has a column 'input_ids' of type {np.dtype(dtype)}, and not int32"
    )


def test_texts_that_are_none_are_refused(path, reads):
    put(path, lambda f, n: f.create_dataset(n, data=np.zeros(5)), "example")
    assert complaint_about(path, reads) == (
        "has a column 'example' of type float64, and not text"
    )


def test_a_group_in_place_of_a_column_is_refused(path, reads):
    put(path, lambda f, n: f.create_group(n))
    assert complaint_about(path, reads) == ("has a group 'input_ids', and not a column")


def test_a_missing_column_is_named(path, reads):
    put(path, lambda f, n: None, "marks_splits")
    assert complaint_about(path, reads) == "has no column 'marks_splits'"


@pytest.mark.parametrize(
    "name, length, expected",
    [
        ("token_type_ids", 14, 15),
        ("label", 4, 5),
        ("example", 6, 5),
        ("marks_splits", 5, 6),
    ],
)
def test_columns_of_lengths_that_do_not_fit_are_refused(
    path, reads, name, length, expected
):
    with h5py.File(path, "r+") as file:
        file[name].resize((length,))
    assert complaint_about(path, reads) == (
        f"has a column '{name}' of {length} values, where {expected} go with the others"
    )


def test_a_file_without_splits_is_refused(path, reads):
    with h5py.File(path, "r+") as file:
        file["row_splits"].resize((0,))
    assert complaint_about(path, reads) == "has nothing in its column 'row_splits'"


@pytest.mark.parametrize("name", ["row_splits", "marks_splits"])
@pytest.mark.parametrize("place, value", [(0, 1), (5, 99), (2, -1), (3, 2**62)])
def test_splits_that_lead_out_of_a_column_are_refused(path, name, place, value):
    with h5py.File(path, "r+") as file:
        num_values = 15 if name == "row_splits" else 10
        file[name][place] = value
    with pytest.raises(UserError) as refusal:
        HDF5Reader(path, TARGETS)
    assert str(refusal.value) == (
        f"'{path}' has a column '{name}' that does not cut {num_values} values into "
        "lists. Prepare the data again."
    )


@pytest.mark.parametrize("content", [b"", b"no HDF5 file", b"\x89HDF\r\n\x1a\n"])
def test_a_file_that_is_no_hdf5_is_refused(tmp_path, reads, content):
    (tmp_path / "a.h5").write_bytes(content)
    assert complaint_about(tmp_path / "a.h5", reads).startswith("is no HDF5 file (")

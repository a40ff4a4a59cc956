"""Each whole record of a damaged file is found, and nothing that is not one."""

import struct

import google_crc32c
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.data.damage.masked_crc32c import masked_crc32c
from bert_cpu.data.damage.next_whole_record import _headers
from bert_cpu.data.damage.scan_records import Damage, Record, scan_records

DATA = [b"first", b"", b"third, and longer" * 40, b"\x00" * 100, b"last one"]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A file to write to: hypothesis wants no fixture that is made anew each time."""
    return tmp_path_factory.mktemp("scan") / "a.tfrecord"


def write(path, data):
    """Writes records as TensorFlow does; gives where each starts, and the end."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for each in data:
            writer.write(each)
    return starts_of(data)


def starts_of(data):
    return [0, *np.cumsum([16 + len(each) for each in data]).tolist()]


def change(path, edit):
    content = bytearray(path.read_bytes())
    edit(content)
    path.write_bytes(content)


def read_by_tensorflow(path):
    """What tf.data gives of a file before it stops, and whether it stops."""
    found = []
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            found.append(record.numpy())
    except tf.errors.DataLossError:
        return found, True
    return found, False


def whole(found):
    return [each.data for each in found if isinstance(each, Record)]


def test_whole_files_are_read_as_tensorflow_reads_them(tmp_path):
    starts = write(tmp_path / "a", DATA)
    found = list(scan_records(tmp_path / "a"))
    assert whole(found) == read_by_tensorflow(tmp_path / "a")[0] == DATA
    assert [each.offset for each in found] == starts[:-1]
    assert [each.end for each in found] == starts[1:]


def test_an_empty_file_has_neither_records_nor_damage(tmp_path):
    (tmp_path / "a").touch()
    assert list(scan_records(tmp_path / "a")) == []
    assert read_by_tensorflow(tmp_path / "a") == ([], False)


# The length's lowest byte makes it a little longer, its highest absurdly so.
@pytest.mark.parametrize(
    "place, why",
    [
        (lambda start, end: start, "has a wrong length CRC"),
        (lambda start, end: start + 7, "has a wrong length CRC"),
        (lambda start, end: start + 8, "has a wrong length CRC"),
        (lambda start, end: start + 11, "has a wrong length CRC"),
        (lambda start, end: start + 12, "has a wrong data CRC"),
        (lambda start, end: end - 5, "has a wrong data CRC"),
        (lambda start, end: end - 4, "has a wrong data CRC"),
        (lambda start, end: end - 1, "has a wrong data CRC"),
    ],
    ids=["length", "length7", "length_crc", "length_crc3", "data", "data_end", "crc"]
    + ["crc3"],
)
@pytest.mark.parametrize("number", [0, 2, 3, 4])
def test_a_damaged_record_costs_no_other(tmp_path, number, place, why):
    path = tmp_path / "a"
    starts = write(path, DATA)
    start, end = starts[number : number + 2]

    def flip(content):
        content[place(start, end)] ^= 0x10

    change(path, flip)
    found = list(scan_records(path))
    assert found[number] == Damage(start, end - start, why)
    assert whole(found) == DATA[:number] + DATA[number + 1 :]
    assert read_by_tensorflow(path) == (DATA[:number], True)


@pytest.mark.parametrize("missing", [1, 4, 5, 12, 13, 20, 23])
def test_a_record_that_is_cut_off_is_found_at_its_byte(tmp_path, missing):
    path = tmp_path / "a"
    *_, start, end = write(path, DATA)
    change(path, lambda content: content.__delitem__(slice(end - missing, None)))
    *before, last = scan_records(path)
    assert last == Damage(start, end - missing - start, "is cut off")
    assert whole(before) == DATA[:-1]
    # TensorFlow passes over a tail that is too short for a length and its CRC.
    is_noticed = end - missing - start >= 12
    assert read_by_tensorflow(path) == (DATA[:-1], is_noticed)


def test_a_lost_length_is_bridged_over_many_blocks(tmp_path):
    """Behind a damaged length each byte is tried, until a record is whole."""
    path = tmp_path / "a"
    long = np.random.default_rng(0).bytes(3_300_000)
    starts = write(path, [b"a", long, b"b", b"c"])
    change(path, lambda content: content.__setitem__(starts[1] + 1, 0xFF))
    assert list(scan_records(path)) == [
        Record(0, b"a"),
        Damage(starts[1], 16 + len(long), "has a wrong length CRC"),
        Record(starts[2], b"b"),
        Record(starts[3], b"c"),
    ]


def test_a_record_that_starts_in_the_gap_of_two_blocks_is_found(tmp_path):
    path = tmp_path / "a"
    for length in range(2**20 - 29, 2**20 - 13):
        starts = write(path, [bytes(length), b"found"])
        change(path, lambda content: content.__setitem__(7, 0xFF))
        assert list(scan_records(path))[1:] == [Record(starts[1], b"found")]


def test_two_damaged_neighbours_are_two(tmp_path):
    path = tmp_path / "a"
    starts = write(path, DATA)
    for start in starts[2:4]:
        change(path, lambda content, at=start + 13: content.__setitem__(at, 0xEE))
    assert [each for each in scan_records(path) if isinstance(each, Damage)] == [
        Damage(start, end - start, "has a wrong data CRC")
        for start, end in zip(starts[2:4], starts[3:5], strict=True)
    ]


def test_a_record_that_slid_into_another_is_found(tmp_path):
    """Ten bytes of the first are lost: its length leads just behind the second."""
    path = tmp_path / "a"
    data = [b"x" * 60, b"y" * 4, b"z"]
    write(path, data)
    change(path, lambda content: content.__delitem__(slice(20, 40)))
    assert whole(scan_records(path)) == [b"y" * 4, b"z"]


def test_a_file_of_something_else_is_damage_from_end_to_end(tmp_path):
    content = np.random.default_rng(1).bytes(100_000)
    (tmp_path / "a").write_bytes(content)
    assert list(scan_records(tmp_path / "a")) == [
        Damage(0, 100_000, "has a wrong length CRC")
    ]


records = st.lists(st.binary(max_size=60), min_size=1, max_size=8)
change_of = st.tuples(
    st.floats(0, 1), st.integers(1, 40), st.binary(max_size=40), st.booleans()
)


@given(records, change_of)
def test_what_a_change_does_not_touch_is_found(scratch, data, how):
    """Any stretch is replaced by any other, or the file ends there."""
    starts = write(scratch, data)
    whole_file = scratch.read_bytes()
    share, num_bytes, other, is_cut = how
    first = int(share * (len(whole_file) - 1))
    last = len(whole_file) if is_cut else min(first + num_bytes, len(whole_file))
    content = whole_file[:first] + (b"" if is_cut else other) + whole_file[last:]
    scratch.write_bytes(content)

    found = list(scan_records(scratch))
    spans = list(zip(starts, starts[1:], data, strict=False))
    before = [each for _, end, each in spans if end <= first]
    after = [each for start, _, each in spans if start >= last]
    kept = whole(found)
    assert kept[: len(before)] == before
    assert kept[len(kept) - len(after) :] == after
    # The two may be one if nothing was changed; else nothing else is made up, but
    # for what was put in by chance, which would have to be a record with its CRCs.
    between = kept[len(before) : len(kept) - len(after)]
    assert len(between) <= len(data) - len(before) - len(after)
    assert all(each in data for each in between)

    ends = [0]
    for each in found:
        assert each.offset == ends[-1]
        ends.append(each.end if isinstance(each, Record) else each.offset + each.size)
    assert ends[-1] == len(content)

    # TensorFlow gives what stands before the first damage, and reads the rest of it
    # once the damage is cut out.
    by_tensorflow, stopped = read_by_tensorflow(scratch)
    is_damage = [isinstance(each, Damage) for each in found]
    until = is_damage.index(True) if any(is_damage) else len(found)
    if until < len(found) - 1 or (any(is_damage) and found[until].size >= 12):
        assert stopped
    assert by_tensorflow == whole(found[:until])
    scratch.write_bytes(
        b"".join(content[r.offset : r.end] for r in found if isinstance(r, Record))
    )
    assert read_by_tensorflow(scratch) == (kept, False)


@given(st.binary(min_size=12, max_size=300))
def test_headers_are_found_where_each_byte_is_tried(content):
    content = content + struct.pack("<Q", 5)
    content += struct.pack("<I", masked_crc32c(content[-8:])) + content[:20]
    expected = [
        place
        for place in range(len(content) - 11)
        if struct.pack("<I", masked_crc32c(content[place : place + 8]))
        == content[place + 8 : place + 12]
    ]
    assert _headers(np.frombuffer(content, np.uint8)).tolist() == expected


def test_the_checksum_is_the_one_of_its_standard():
    """RFC 3720, B.4, and the mask's inverse."""
    assert google_crc32c.value(bytes(32)) == 0x8A9136AA
    turned = (masked_crc32c(bytes(32)) - 0xA282EAD8) & 0xFFFFFFFF
    assert (turned >> 17 | turned << 15) & 0xFFFFFFFF == 0x8A9136AA

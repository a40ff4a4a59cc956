"""`bert-cpu fsck` finds every fault of a prepared set, and none where there is none."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import h5py
import pytest
import tensorflow as tf
import tiny_pretraining
import tiny_run
from damaging import flip
from tiny_command import DATA, bert_cpu
from tiny_records import prepare, rows_of_lengths, tokenizer

ROWS = rows_of_lengths([5 + number % 9 for number in range(60)])
KINDS = ("tfrecord", "hdf5", "pretraining")
SHARD = {
    "tfrecord": "train-00001-of-00002.tfrecord",
    "hdf5": "train.h5",
    "pretraining": "train-32-00000.tfrecord",
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A set of each kind: 60 texts a split, or sequences of length 32."""
    directory = tmp_path_factory.mktemp("fsck")
    settings = {"max_length": 16, "shard_size": 30}
    for kind in ("tfrecord", "hdf5"):
        prepare(directory / kind, ROWS, record_format=kind, **settings)
    tiny_pretraining.prepare(directory / "pretraining", (32,))
    return directory


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def records(originals, kind, tmp_path):
    return pathlib.Path(shutil.copytree(originals / kind, tmp_path / "records"))


def fsck(directory, *options):
    """The exit code, the lines and the same as JSON, which must agree."""
    plain = bert_cpu("fsck", directory, *options)
    assert plain.err == ""
    *lines, summary = plain.out.splitlines()
    outcome = bert_cpu("fsck", directory, "--json", *options)
    assert outcome.code == plain.code
    found = json.loads(outcome.out)
    assert found["directory"] == str(directory)
    assert len(found["faults"]) == len(lines)
    for line, fault in zip(lines, found["faults"], strict=True):
        offset = fault["offset"]
        place = "" if offset is None else f", byte {offset:,}"
        assert line == f"{fault['file']}{place}: {fault['why']}"
    num_faults = f"{len(lines)} faults" if len(lines) > 1 else "1 fault"
    assert summary == (
        f"{directory}: {found['files']:,} files, {found['bytes']:,} bytes, "
        f"{found['records']:,} records, {found['examples']:,} examples; "
        f"{num_faults if lines else 'no fault'}"
    )
    assert plain.code == (2 if lines else 0)
    return lines, found


def starts_of(path):
    """Where each record starts, and the file's end."""
    starts = [0]
    for record in tf.data.TFRecordDataset(str(path)):
        starts.append(starts[-1] + 16 + len(record.numpy()))
    return starts


def edit_manifest(directory, edit):
    path = directory / "manifest.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_a_whole_set_has_no_fault(records, kind):
    lines, found = fsck(records)
    assert lines == []
    files = [path for path in records.iterdir() if path.name != "manifest.json"]
    assert found["files"] == len(files)
    assert found["bytes"] == sum(path.stat().st_size for path in files)
    if kind == "pretraining":
        shards = [path for path in files if path.suffix == ".tfrecord"]
        assert found["records"] == sum(len(starts_of(path)) - 1 for path in shards)
    else:
        assert (found["records"], found["examples"]) == (180, 180)


def test_missing_and_other_files_are_named(records, kind):
    (records / SHARD[kind]).unlink()
    (records / "notes.txt").write_text("mine")
    lines, _ = fsck(records)
    assert lines == [
        f"{SHARD[kind]}: is missing",
        "notes.txt: is not in the manifest",
    ]


@pytest.mark.parametrize("kind", ["tfrecord", "pretraining"], indirect=True)
def test_damaged_records_are_named_with_their_bytes(records, kind):
    path = records / SHARD[kind]
    starts = starts_of(path)
    flip(path, starts[2] + 1)
    flip(path, starts[5] + 20)
    lines, found = fsck(records)
    assert lines[0].startswith(f"{path.name}: has sha256 ")
    assert lines[1:3] == [
        f"{path.name}, byte {starts[2]:,}: has a wrong length CRC",
        f"{path.name}, byte {starts[5]:,}: has a wrong data CRC",
    ]
    num_records = len(starts) - 1
    if kind == "tfrecord":
        assert lines[3:] == [
            f"{path.name}: has {num_records - 2} whole records, but {num_records} were "
            "written"
        ]
    else:
        assert lines[3] == (
            f"manifest.json: counts {num_records} records in train, length 32, but "
            f"{num_records - 2} are there"
        )
    assert found["faults"][1]["offset"] == starts[2]


@pytest.mark.parametrize("kind", ["tfrecord", "pretraining"], indirect=True)
@pytest.mark.parametrize("case", ["tail", "between", "empty"])
def test_a_file_that_ends_early_is_named_with_its_byte(records, kind, case):
    path = records / SHARD[kind]
    starts = starts_of(path)
    size = {"tail": starts[-1] - 3, "between": starts[-2], "empty": 0}[case]
    path.write_bytes(path.read_bytes()[:size])
    lines, _ = fsck(records)
    place = starts[-2] if case != "empty" else 0
    why = "is cut off" if case == "tail" else "is missing: the file ends there"
    assert lines[:2] == [
        f"{path.name}: has {size:,} bytes, but {starts[-1]:,} were written",
        f"{path.name}, byte {place:,}: {why}",
    ]


@pytest.mark.parametrize("kind", ["tfrecord"], indirect=True)
def test_wrong_checksums_are_found_though_the_sha256_is_right(records, kind):
    """As if memory had failed while the shard was written."""
    path = records / SHARD[kind]
    flip(path, 20)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit_manifest(
        records,
        lambda content: content["splits"]["train"]["shards"][path.name].update(
            sha256=digest
        ),
    )
    lines, _ = fsck(records)
    assert lines[0] == f"{path.name}, byte 0: has a wrong data CRC"


@pytest.mark.parametrize("kind", ["tfrecord", "hdf5"], indirect=True)
@pytest.mark.parametrize("what", ["examples", "tokens"])
def test_counts_that_are_not_so_are_named(records, what):
    def edit(content):
        content["splits"]["test"][what] += 1

    before = json.loads((records / "manifest.json").read_text())
    count = before["splits"]["test"][what]
    edit_manifest(records, edit)
    lines, _ = fsck(records)
    assert lines == [
        f"manifest.json: counts {count + 1} {what} in test, but {count} are there"
    ]


@pytest.mark.parametrize("kind", ["hdf5"], indirect=True)
def test_a_damaged_hdf5_file_is_named(records):
    path = records / "train.h5"
    with h5py.File(path, "r+") as file:
        del file["label"]
        file["label"] = h5py.SoftLink("/input_ids")
    lines, _ = fsck(records)
    assert lines[0].startswith("train.h5: has ")
    assert lines[1:] == [
        "train.h5: has a soft link 'label' to '/input_ids', and no link is followed"
    ]


@pytest.mark.parametrize("kind", ["hdf5"], indirect=True)
def test_hdf5_files_are_read_to_their_end(records):
    """A changed chunk that HDF5's own checksum finds."""
    path = records / "train.h5"
    with h5py.File(path, "r+") as file:
        values = file["label"][:]
        del file["label"]
        file.create_dataset("label", data=values, chunks=(60,), fletcher32=True)
        chunk = file["label"].id.get_chunk_info(0)
    flip(path, chunk.byte_offset + 3)
    lines, _ = fsck(records)
    assert len(lines) == 2
    assert "Can't" in lines[1]


@pytest.mark.parametrize("kind", ["tfrecord"], indirect=True)
def test_what_is_no_record_of_ours_is_named(records, kind):
    path = records / SHARD[kind]
    others = [b"\xff\xff\xff", tf.train.Example().SerializeToString()]
    with tf.io.TFRecordWriter(str(path)) as writer:
        for other in others:
            writer.write(other)
    lines, _ = fsck(records)
    for offset in (0, 16 + len(others[0])):
        assert f"{path.name}, byte {offset}: is no record of this set" in lines


def test_a_file_outside_is_not_opened(records, kind):
    if kind == "pretraining":

        def edit(content):
            content["files"]["../x.tfrecord"] = {"size": 1, "sha256": "0" * 64}
    else:

        def edit(content):
            shards = content["splits"]["train"]["shards"]
            shards["../x.tfrecord"] = {"size": 1, "sha256": "0" * 64}

    (records.parent / "x.tfrecord").write_bytes(b"x")
    edit_manifest(records, edit)
    lines, _ = fsck(records)
    assert lines == ["../x.tfrecord: is no file of this directory"]


@pytest.mark.parametrize("kind", ["tfrecord"], indirect=True)
def test_the_tokenizer_is_compared(records, tmp_path):
    tokenizer().save_pretrained(tmp_path / "same")
    tokenizer(do_lower_case=False).save_pretrained(tmp_path / "other")
    assert fsck(records, "--encoder", tmp_path / "same")[0] == []
    lines, _ = fsck(records, "--encoder", tmp_path / "other")
    assert len(lines) == 1
    assert lines[0].startswith("manifest.json: names a tokenizer ")
    assert f"that of '{tmp_path / 'other'}' is " in lines[0]


@pytest.mark.parametrize("kind", ["pretraining"], indirect=True)
def test_the_tokenizer_of_pretraining_is_a_file_of_the_set(records, tmp_path):
    flip(records / "tokenizer.json", 100)
    lines, _ = fsck(records)
    assert len(lines) == 1
    assert lines[0].startswith("tokenizer.json: has sha256 ")
    assert bert_cpu("fsck", records, "--encoder", tmp_path).mistake == (
        f"'{records}' has its tokenizer beside it, which is checked as its other files "
        "are. Leave --encoder out."
    )


def test_a_mended_set_has_no_fault(tmp_path):
    from bert_cpu.data.mend_records import mend_records

    manifest = prepare(tmp_path / "records", ROWS, max_length=16)
    flip(tmp_path / "records" / "train-00000-of-00001.tfrecord", 20)
    mend_records(manifest, tmp_path / "mended", lambda example: [example.label])
    lines, found = fsck(tmp_path / "mended")
    assert lines == []
    assert found["records"] == 179


def test_what_is_no_set_is_refused(tmp_path):
    assert bert_cpu("fsck", tmp_path).mistake == (
        f"'{tmp_path}' has no manifest.json, so it is no prepared set. Name a "
        "directory that `bert-cpu prepare` wrote, or RUN/records or RUN/pretraining "
        "of a run."
    )
    (tmp_path / "manifest.json").write_text("{")
    assert "is not JSON" in bert_cpu("fsck", tmp_path).mistake


@pytest.mark.parametrize("kind", ["tfrecord"], indirect=True)
@pytest.mark.parametrize("written", [7, {}, {"size": "7", "sha256": "x"}, {"size": 7}])
def test_a_manifest_without_sizes_is_refused(records, written, kind):
    name = SHARD[kind]
    edit_manifest(
        records, lambda c: c["splits"]["train"]["shards"].update({name: written})
    )
    assert bert_cpu("fsck", records).mistake == (
        f"'{records / 'manifest.json'}' does not say of '{name}' which size and sha256 "
        "it was written with. Prepare the data again."
    )


def test_a_check_imports_no_tensorflow(originals, tmp_path):
    tokenizer().save_pretrained(tmp_path / "encoder")
    commands = [["fsck", str(originals / kind), "--json"] for kind in KINDS]
    commands[0] += ["--encoder", str(tmp_path / "encoder")]
    code = (
        "import sys; from bert_cpu.cli import main\n"
        f"codes = [main(each) for each in {commands!r}]\n"
        "print(codes, [x for x in ('tensorflow', 'keras') if x in sys.modules], "
        "file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=DATA.parent,
        env=tiny_run.environment() | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "[0, 0, 0] []\n"

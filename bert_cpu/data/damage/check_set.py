"""A whole prepared set against its manifest: every file, record and count."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping

from google.protobuf.message import DecodeError

from bert_cpu import storage
from bert_cpu.data.damage.expected_set import ExpectedSet
from bert_cpu.data.damage.fault import Fault
from bert_cpu.data.damage.left_out import FILE_NAME, QUARANTINE
from bert_cpu.data.damage.parse_example import parse_example
from bert_cpu.data.damage.scan_records import Damage, scan_records
from bert_cpu.data.manifest import FILE_NAME as MANIFEST
from bert_cpu.errors import UserError

_NOT_CHECKED = {MANIFEST, FILE_NAME, QUARANTINE}


@dataclasses.dataclass(frozen=True)
class CheckedSet:
    """What a check of a prepared set found."""

    files: int  # That the manifest lists and that are there.
    bytes: int  # In them.
    records: int  # Whole ones.
    examples: int  # Texts, or sequences of pre-training.
    faults: tuple[Fault, ...]


def check_set(
    expected: ExpectedSet,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> CheckedSet:
    """Checks sizes, SHA-256s, checksums of records and counts, and for other files.

    All faults are found, not only the first: a damaged shard is read to its end.

    Args:
        expected: what the manifest says.
        progress: called with "files", files done, and all.
    """
    faults: list[Fault] = []
    num_files = num_bytes = 0
    totals: dict[str, dict[str, int]] = {}
    whole_kinds = set(expected.counts)
    for done, (name, written) in enumerate(expected.files.items(), start=1):
        path = expected.directory / name
        kind = expected.kinds.get(name)
        if pathlib.PurePath(name).name != name or not path.is_file():
            is_inside = pathlib.PurePath(name).name == name
            why = "is missing" if is_inside else "is no file of this directory"
            faults.append(Fault(name, why))
            whole_kinds.discard(kind or "")
            continue
        num_files += 1
        num_bytes += path.stat().st_size
        faults += _file_faults(path, written)
        if kind is not None:
            counts, found = _count(path, written, expected)
            faults += found
            missing = [] if counts is None else _shard_faults(name, counts, expected)
            faults += missing
            # What a damaged shard lacks need not be said twice.
            if counts is None or missing:
                whole_kinds.discard(kind)
            counts = counts or {}
            total = totals.setdefault(kind, {})
            for what, number in counts.items():
                total[what] = total.get(what, 0) + number
        progress("files", done, len(expected.files))
    for kind in expected.counts:
        if kind in whole_kinds:
            faults += _total_faults(kind, totals.get(kind, {}), expected.counts[kind])
    faults += _extra_faults(expected)
    return CheckedSet(
        num_files,
        num_bytes,
        sum(total.get("records", 0) for total in totals.values()),
        sum(total.get("examples", 0) for total in totals.values()),
        tuple(faults),
    )


def _file_faults(path, written) -> Iterator[Fault]:
    size = path.stat().st_size
    if size != written["size"]:
        expected = f"{written['size']:,} were written"
        yield Fault(path.name, f"has {size:,} bytes, but {expected}")
        return
    digest = storage.sha256_of(path)
    if digest != written["sha256"]:
        yield Fault(
            path.name,
            f"has sha256 {digest[:12]}…, but {written['sha256'][:12]}… was written",
        )


def _count(path, written, expected: ExpectedSet):
    """What a shard holds, by the names of `expected.counts`, and its faults.

    None if nothing can be said of it.
    """
    if path.suffix == ".h5":
        # It takes a moment to import.
        from bert_cpu.data.damage.count_hdf5 import count_hdf5

        try:
            return count_hdf5(path, expected.targets), []
        except (UserError, OSError) as error:
            return None, [Fault(path.name, _without_name(error, path))]
    counts: dict[str, int] = {}
    faults = []
    for found in scan_records(path, written["size"]):
        if isinstance(found, Damage):
            faults.append(Fault(path.name, found.why, found.offset))
            continue
        counts["records"] = counts.get("records", 0) + 1
        try:
            # A field of another kind has no values of this one.
            of_record = expected.count_record(parse_example(found.data))
        except (DecodeError, IndexError, UnicodeDecodeError):
            faults.append(Fault(path.name, "is no record of this set", found.offset))
            continue
        for what, number in of_record.items():
            counts[what] = counts.get(what, 0) + number
    return counts, faults


def _without_name(error, path):
    """The message of an error without the file, and what to do, which is not asked."""
    said = " ".join(str(error).split()).removeprefix(f"'{path}' ")
    return said.removesuffix(" Prepare the data again.").removesuffix(".")


def _shard_faults(name, counts: Mapping[str, int], expected) -> list[Fault]:
    written = expected.shard_records.get(name)
    found = counts.get("records", 0)
    if written in (None, found):
        return []
    return [Fault(name, f"has {found:,} whole records, but {written:,} were written")]


def _total_faults(kind, found, written) -> Iterator[Fault]:
    for what, number in written.items():
        if found.get(what, 0) != number:
            yield Fault(
                MANIFEST,
                f"counts {number:,} {what} in {kind}, but {found.get(what, 0):,} are "
                "there",
            )


def _extra_faults(expected) -> Iterator[Fault]:
    with contextlib.suppress(FileNotFoundError):
        for path in sorted(expected.directory.iterdir()):
            if path.name not in expected.files and path.name not in _NOT_CHECKED:
                yield Fault(path.name, "is not in the manifest")

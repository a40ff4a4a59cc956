"""`prepare --part` and `merge`, as they are typed."""

import tiny_command
from tiny_command import bert_cpu, succeed


def prepare(directory, output, *options):
    return succeed(
        *("prepare", "--data", tiny_command.DATA / "reviews_en.csv"),
        *("--encoder", directory / "encoder", "--max-length", 24),
        *("--output", directory / output, *options),
    )


def test_parts_are_typed_and_merged(tmp_path):
    tiny_command.write_alphabet_encoder(tmp_path / "encoder")
    prepare(tmp_path, "whole")
    for index in range(2):
        prepare(tmp_path, f"part-{index}", "--part", f"{index}/2")
    parts = [tmp_path / "part-1", tmp_path / "part-0"]
    succeed("merge", tmp_path / "merged", *parts)
    whole, merged = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("whole", "merged")
    )
    assert merged == whole
    assert bert_cpu("merge", tmp_path / "merged", *parts).mistake == (
        f"'{tmp_path / 'merged'}' exists. Name another directory, or replace prepared "
        "records by --overwrite."
    )
    succeed("merge", tmp_path / "merged", *parts, "--overwrite")


def test_a_merge_of_nothing_is_refused(tmp_path):
    assert bert_cpu("merge", tmp_path / "merged").mistake == (
        "No part is named. Name the directories of all parts."
    )


def test_what_is_no_part_is_refused(tmp_path):
    assert bert_cpu("merge", tmp_path / "merged", tmp_path).mistake == (
        f"'{tmp_path / 'part.json'}' is missing. Prepare the part again."
    )

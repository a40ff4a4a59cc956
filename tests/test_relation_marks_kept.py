"""What a model was taught to read for marks is what it is asked with, for ever."""

import json
import shutil

import pytest
import tiny_command
import tiny_tasks
from tiny_command import bert_cpu, succeed

from bert_cpu.data.manifest import load_manifest
from bert_cpu.training.trained import open_trained

CASE = tiny_tasks.CASES["relate, SemEval"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("encoder") / "tiny"
    characters = {*tiny_tasks.CHARACTERS[CASE.language], *"<>/e12$#"}
    return tiny_command.write_alphabet_encoder(directory, characters)


def prepare(directory, encoder, *options):
    files = directory / "files"
    shutil.rmtree(files, ignore_errors=True)
    given = (*CASE.write_files(files), *options)
    output = directory / "records"
    succeed(
        *("prepare", "--task", "relate", "--encoder", encoder, "--output", output),
        *given,
    )
    return output


def forget(path, *keys):
    """Leaves out of a description what it did not have before there was a choice."""
    content = json.loads(path.read_text(encoding="utf-8"))
    for key in keys:
        del content[key]
    path.write_text(json.dumps(content), encoding="utf-8")


def test_a_run_goes_on_with_the_signs_of_records_from_before(encoder, tmp_path):
    records = prepare(tmp_path, encoder, "--entity-marks", "signs")
    assert load_manifest(records).reading == {"entity_marks": "signs"}
    forget(records / "manifest.json", "reading")
    runs = ("--runs-dir", tmp_path / "runs", "--name", "signs")
    succeed(
        *("train", "--task", "relate", "--data", records, "--encoder", encoder, *runs),
        *("--epochs", 1, "--threads", 1, "--dtype", "float32"),
    )
    bundle = tmp_path / "runs" / "signs" / "bundle"
    described = json.loads((bundle / "bert_cpu.json").read_text(encoding="utf-8"))
    assert described["options"]["entity_marks"] == "signs"
    measured = json.loads(succeed("evaluate", *runs, "--json").out)

    # A bundle and an exported model that say nothing read signs as well.
    succeed("export", "--threads", 1, *runs)
    question = ("predict", tmp_path / "runs" / "signs", "--json", "--threads", 1)
    text = "<e1>Anna</e1> in <e2>Rome</e2>."
    answer = succeed(*question, text).out
    forget(tmp_path / "runs" / "signs" / "tflite" / "model.json", "options")
    assert succeed(*question, text).out == answer
    forget(bundle / "bert_cpu.json", "options")
    assert open_trained(bundle).task.entity_marks == "signs"
    assert json.loads(succeed("evaluate", *runs, "--json").out) == measured

    # Records that are made anew are as marks are written now.
    shutil.rmtree(records)
    prepare(tmp_path, encoder)
    for command in ("evaluate", "export"):
        assert bert_cpu(command, *runs).mistake == (
            f"'{tmp_path}/runs/signs' has a model with entity_marks signs, but records "
            "with written. Train it again with --overwrite."
        )


def test_parts_that_read_alike_are_one_set(encoder, tmp_path):
    given = CASE.write_files(tmp_path / "files")

    def part(number, *marks):
        output = tmp_path / f"part{number}"
        succeed(
            *("prepare", "--task", "relate", "--encoder", encoder, *given, *marks),
            *("--part", f"{number}/2", "--output", output, "--overwrite"),
        )
        return output

    parts = part(0), part(1, "--entity-marks", "written")
    succeed("merge", tmp_path / "merged", *parts)
    assert load_manifest(tmp_path / "merged").reading == {"entity_marks": "written"}
    part(1, "--entity-marks", "signs")
    assert bert_cpu("merge", tmp_path / "other", *parts).mistake == (
        f"'{parts[1]}' was prepared with another --entity-marks (signs and not written)"
        f" than '{parts[0]}'. Prepare the parts of one set alike."
    )

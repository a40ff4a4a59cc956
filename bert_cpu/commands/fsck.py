"""`bert-cpu fsck`: a prepared set checked against its manifest, without TensorFlow."""

import dataclasses
import json
import os
import pathlib

from bert_cpu.counted import counted
from bert_cpu.data.damage.check_set import check_set
from bert_cpu.data.damage.fault import Fault
from bert_cpu.data.expect_set import expect_set
from bert_cpu.data.manifest import FILE_NAME
from bert_cpu.errors import UserError
from bert_cpu.report.one_line import one_line
from bert_cpu.training.screen import Screen

_FAULTY = 2
_LONGEST = 500  # Characters of a line, of names that a file gives itself.


def run(directory: str, encoder: str | None, as_json: bool) -> int:
    """Prints a line a fault, and a summary.

    Args:
        directory: of the set.
        encoder: the directory of an encoder, whose tokenizer the set must be made
            with.
        as_json: print one JSON object.

    Returns:
        The exit code: 0, or 2 if there is a fault.

    Raises:
        UserError: if the directory is no prepared set, or its manifest or the
            tokenizer can't be read.
    """
    expected = expect_set(pathlib.Path(directory))
    with Screen().counting("checking") as count:
        checked = check_set(expected, count)
    faults = [*_tokenizer_faults(encoder, expected), *checked.faults]
    if as_json:
        found = dataclasses.asdict(checked)
        found["faults"] = [dataclasses.asdict(fault) for fault in faults]
        print(json.dumps({"directory": directory, **found}, ensure_ascii=False))
    else:
        for fault in faults:
            print(one_line(fault, _LONGEST))
        print(
            f"{directory}: {counted(checked.files, 'file')}, {checked.bytes:,} bytes, "
            f"{counted(checked.records, 'record')}, "
            f"{counted(checked.examples, 'example')}; {_number(len(faults))}"
        )
    return _FAULTY if faults else 0


def _number(num_faults):
    if not num_faults:
        return "no fault"
    return counted(num_faults, "fault")


def _tokenizer_faults(encoder, expected):
    if encoder is None:
        return
    if expected.tokenizer_sha256 is None:
        raise UserError(
            f"'{expected.directory}' has its tokenizer beside it, which is checked as "
            "its other files are. Leave --encoder out."
        )
    # Else transformers advises to install torch.
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    # They take a moment to import.
    from bert_cpu.models.load_tokenizer import load_tokenizer
    from bert_cpu.text.windows import tokenizer_sha256

    tokenizer = load_tokenizer(pathlib.Path(encoder))
    found = tokenizer_sha256(tokenizer.backend_tokenizer)
    if found != expected.tokenizer_sha256:
        yield Fault(
            FILE_NAME,
            f"names a tokenizer {expected.tokenizer_sha256[:12]}…, but that of "
            f"'{encoder}' is {found[:12]}…",
        )

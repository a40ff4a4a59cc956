"""The pages on tasks: commands that can be typed one behind the other."""

import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
BLOCK = re.compile(r"```sh\n(.*?)```", re.S)
ASKED = re.compile(r"bert-cpu (?:predict|search) runs/(\w+)")
EXPORTED = re.compile(r"bert-cpu export --name (\w+)")


@pytest.mark.parametrize("page", ["tasks.md", "tasks.zh.md"])
def test_a_run_is_converted_before_it_is_asked(page):
    blocks = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    asked = [(block, found) for block in blocks for found in ASKED.finditer(block)]
    assert len(asked) >= 5
    for block, found in asked:
        assert found[1] in EXPORTED.findall(block[: found.start()]), found[0]

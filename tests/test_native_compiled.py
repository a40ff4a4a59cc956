"""Where the C++ for preparing is not there or not wanted, Python does its work."""

import importlib
import os
import subprocess
import sys

import pytest

from bert_cpu.native.built_library import SWITCH
from bert_cpu.native.compiled import compiled
from bert_cpu.text.chunk_memory import PlainChunkMemory, chunk_memory

TELL = """
from bert_cpu.data.framed_example import framed_example
from bert_cpu.text import chunk_memory
print(framed_example.__name__, chunk_memory.compiled())
"""


@pytest.fixture
def asked_anew():
    compiled.cache_clear()
    yield
    compiled.cache_clear()


@pytest.mark.usefixtures("asked_anew")
def test_what_was_not_built_is_done_in_python(monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    assert compiled() is None
    assert isinstance(chunk_memory(1, 1, None), PlainChunkMemory)


def test_the_switch_of_the_kernel_switches_it_off():
    told = subprocess.run(
        [sys.executable, "-c", TELL],
        env=os.environ | {SWITCH: "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["plain_framed_example", "None"]

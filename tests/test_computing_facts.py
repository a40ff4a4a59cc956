"""Workers that would round otherwise tell it, before they train together."""

import dataclasses

import made_up_computer
import pytest
import tiny_run

from bert_cpu.hardware import trains_natively as module
from bert_cpu.training.cluster.computing_facts import computing_facts
from bert_cpu.training.cluster.facts import gather_facts

BLOCKS = "what computes the blocks (BERT_CPU_KERNEL=0: TensorFlow)"
OLD = made_up_computer.XEON.replace("avx512_bf16", "").replace("amx_bf16", "")


@pytest.fixture
def settings(tmp_path):
    settings = tiny_run.tiny_settings(tmp_path)
    return dataclasses.replace(settings, dtype="auto", threads=2)


@pytest.fixture
def library(monkeypatch):
    """Says why there are no operations in C++, or None if there are."""

    def say(why):
        monkeypatch.setattr(module, "why_no_training_library", lambda: why)

    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    say(None)
    return say


def test_processors_that_choose_other_numbers_differ(computer, settings, library):
    new, old = computer({}), computer({"proc/cpuinfo": OLD})
    dtypes = [
        computing_facts(settings, each)["the dtype of products"] for each in (new, old)
    ]
    assert dtypes == ["bfloat16", "float32"]
    asked = dataclasses.replace(settings, dtype="float32")
    assert computing_facts(asked, new) == computing_facts(asked, old)


def test_blocks_that_something_else_computes_differ(
    computer, settings, library, monkeypatch
):
    here = computer({})
    assert computing_facts(settings, here)[BLOCKS] == "C++"
    in_float32 = dataclasses.replace(settings, dtype="float32")
    assert computing_facts(in_float32, here)[BLOCKS] == "TensorFlow"
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "16")
    assert computing_facts(settings, here)[BLOCKS] == "TensorFlow"
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    library("it was not built")
    assert computing_facts(settings, here)[BLOCKS] == "TensorFlow"


def test_workers_tell_it_when_they_meet(settings, library):
    facts = gather_facts(settings, ("a:1", "b:2"), None, None)
    assert {BLOCKS, "the dtype of products"} < set(facts)
    assert facts["--dtype"] == "auto"

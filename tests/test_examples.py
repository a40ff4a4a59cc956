"""The examples in docstrings give what they say that they give."""

import ast
import doctest
import importlib
import pathlib

import numpy as np
import pytest

PROJECT = pathlib.Path(__file__).resolve().parent.parent
FLAGS = doctest.ELLIPSIS
# They need a model, and say so by `+SKIP`: tests/export/test_export.py,
# test_runtime.py, test_pretrain_model.py and test_attention_maps.py make the
# same calls.
NEED_A_MODEL = {
    "bert_cpu.export.export_tflite.export_tflite",
    "bert_cpu.models.attention_maps.attention_maps",
    "bert_cpu.runtime.tflite_model.TFLiteModel",
    "bert_cpu.tasks.parts.pretrain.pretraining_losses",
}
MODULES = [
    ".".join(path.relative_to(PROJECT).with_suffix("").parts)
    for path in sorted((PROJECT / "bert_cpu").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


def _examples(module):
    """Those of a module, by the name of what they are an example of."""
    found = doctest.DocTestFinder(exclude_empty=True).find(
        module, extraglobs={"np": np}
    )
    return {test.name: test for test in found if test.examples}


def _docstrings_with_examples(module):
    """How many there are to the eye: all that the finder must have found."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = ast.walk(ast.parse(pathlib.Path(module.__file__).read_text("utf-8")))
    return sum(
        ">>> " in (ast.get_docstring(node) or "")
        for node in nodes
        if isinstance(node, documented)
    )


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # One of them writes a file.
    module = importlib.import_module(name)
    tests = _examples(module)
    assert len(tests) == _docstrings_with_examples(module)
    said = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    for test in tests.values():
        runner.run(test, out=said.append)
    assert not said, "".join(said)


def test_an_example_is_left_out_only_if_it_needs_a_model():
    left_out = set()
    for name in MODULES:
        for test_name, test in _examples(importlib.import_module(name)).items():
            if any(doctest.SKIP in example.options for example in test.examples):
                left_out.add(test_name)
    assert left_out == NEED_A_MODEL

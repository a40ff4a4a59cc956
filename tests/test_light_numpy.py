"""NumPy computes alike without its help and its threads."""

import os
import subprocess
import sys

import numpy as np
import pytest

from bert_cpu.commands.light_numpy import light_numpy

LIGHT = """
from bert_cpu.commands.light_numpy import light_numpy
with light_numpy():
    import numpy
"""
LOOK = """
import inspect, json, numpy as np
public = {n: type(getattr(np, n)).__name__ for n in dir(np) if n[0] != '_'}
signature = str(inspect.signature(np.linalg.eig))
print(json.dumps([public, signature, np.linalg.eig(np.diag([2.0, 3.0]))[0].tolist()]))
"""
ASK_FOR_TYPES = """
import numpy as np, numpy.typing as npt
print(npt.NDArray[np.int8], npt.ArrayLike)
"""


def run_python(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("code", [LOOK, ASK_FOR_TYPES])
def test_it_is_numpy(code):
    plain = run_python(code)
    assert plain.strip()
    assert run_python(LIGHT + code) == plain


def test_it_imports_less():
    count = "\nimport sys; print(len(sys.modules))"
    plain, light = (int(run_python(code + count)) for code in ("import numpy", LIGHT))
    assert light < plain - 5


@pytest.mark.parametrize("given", [None, "3"])
def test_the_threads_of_numpy_are_as_given_again(monkeypatch, given):
    name = "OPENBLAS_NUM_THREADS"
    monkeypatch.delenv(name, raising=False)
    if given:
        monkeypatch.setenv(name, given)
    with light_numpy():
        assert os.environ[name] == (given or "1")
    assert os.environ.get(name) == given


def test_numpy_that_was_imported_before_stays_whole():
    before = dict(sys.modules)
    with light_numpy():
        assert dict(sys.modules) == before
    assert np.zeros.__doc__

"""NumPy computes alike without its help and its threads."""

import subprocess
import sys

import numpy as np
import pytest

from bert_cpu.commands.light_numpy import import_light_numpy

LIGHT = """
from bert_cpu.commands.light_numpy import import_light_numpy
import_light_numpy()
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
def test_it_has_one_thread_or_as_many_as_given(monkeypatch, given):
    name = "OPENBLAS_NUM_THREADS"
    monkeypatch.delenv(name, raising=False)
    if given:
        monkeypatch.setenv(name, given)
    look = (
        "\nimport numpy, os, threadpoolctl\n"
        "(found,) = threadpoolctl.threadpool_info()\n"
        f"print(found['num_threads'], os.environ.get({name!r}))"
    )
    threads, variable = run_python(LIGHT + look).split()
    assert variable == str(given)  # As it was.
    assert threads == (run_python(look).split()[0] if given else "1")


def test_numpy_that_was_imported_before_stays_whole():
    before = dict(sys.modules)
    import_light_numpy()
    assert dict(sys.modules) == before
    assert np.zeros.__doc__

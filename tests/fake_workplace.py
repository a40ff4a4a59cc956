"""Where made-up contestants run: this interpreter, all its cores, tests' modules."""

import os
import pathlib
import sys

from bench.workplace import Workplace


def fake_workplace(directory, entries):
    return Workplace(
        {"ours": sys.executable},
        tuple(os.sched_getaffinity(0)),
        directory,
        entries,
        (str(pathlib.Path(__file__).parent),),
    )

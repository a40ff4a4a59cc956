"""Kernels of `bench.serve` with prescribed rates; one kind of them dies."""

import os
import pathlib

RATES = {"float32": {"slow": 2.0, "fast": 3.0}, "memory": {"triad": 5.0}, "int8": {}}


def open_case(given):
    return Kernels(given["kind"])


class Kernels:
    def __init__(self, kind):
        self._kind = kind

    def run(self, count):
        with pathlib.Path(os.environ["KERNELS_RUN"]).open("a") as file:
            file.write(f"{os.getpid()} {self._kind} {count}\n")
        if self._kind == "bfloat16":
            os._exit(7)
        return 0.0, {"rates": RATES[self._kind]}

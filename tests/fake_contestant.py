"""A contestant of `bench.serve` whose every answer its case prescribes."""

import os
import time


def open_case(given):
    return Fake(given)


class Fake:
    def __init__(self, given):
        self._given = given
        self._runs = 0

    def check(self):
        return self._given.get("results", {})

    def run(self, count):
        self._runs += 1
        if self._given.get("dies_in_run") == self._runs:
            print("out of luck", flush=True)
            os._exit(7)
        if self._given.get("raises"):
            raise ValueError("a bad\nday")
        if "order" in self._given:
            with open(self._given["order"], "a", encoding="utf-8") as file:
                file.write(self._given["letter"])
        time.sleep(self._given.get("seconds", 0.001) * count)
        print("what native code prints is no answer", flush=True)
        return count, self._given.get("extras", {})

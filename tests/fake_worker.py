"""A contestant of `bench.serve` that does what a worker does, in no time at all."""

import os
import time


def open_case(given):
    return FakeWorker(given)


class FakeWorker:
    """Says how long it took as the case prescribes, and sleeps for a moment.

    Args:
        given: `workers` and `index`; for each kind of work `seconds` of one time;
            `batch`; `order`, a file that gets a letter for each run; and
            `dies_at`, the kind of work in which the worker of that index dies.
    """

    def __init__(self, given):
        self._given = given

    def check(self, variant="flat"):
        return {"losses": [0.5, 0.25 if variant == "flat" else 0.5]}

    def run(self, count, work="step", variant="flat", times=1):
        given, index = self._given, self._given["index"]
        if given.get("dies_at") == [work, index]:
            print("out of luck", flush=True)
            os._exit(7)
        if given.get("dies_at") and given["workers"]:
            time.sleep(60)  # It waits for the other, which will never come.
        if "order" in given and index == 0:
            with open(given["order"], "a", encoding="utf-8") as file:
                file.write("two " if given["workers"] else "one ")
        time.sleep(0.002)
        num_workers = max(1, len(given["workers"]))
        examples = times * given["batch"] / num_workers if work == "step" else 1
        seconds = given["seconds"][work] * (1 + 0.1 * index)
        return count * examples, {
            # Not all alike, as of a real machine.
            "seconds": [seconds * (1 + 0.01 * (time % 2)) for time in range(count)],
            "table_bytes": 600,
            "slice_bytes": 100,
            "other_bytes": 400,
            "restore": [0.5] * count,
        }

"""A contestant's process: it answers requests, one JSON object a line.

    python -m bench.serve MODULE CORES

MODULE has `open_case(given)`, which gives an object with `check()` and
`run(count)`. CORES are the numbers of the only cores that it may use, with commas.

A request's `ask` is one of these; an answer has `failed` if it went wrong:

- `prepare` with `given`: opens the case. Answers `{}`.
- `check`: the results to compare, as `bench.agreement` reads them, in `results`.
- `run` with `count`: does the work so often. Answers `amount`, `seconds`, and what
  else was measured in `extras`.
- Both may have `how`: named arguments of a contestant that works in several ways.
- `quit`.
"""

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any


def main() -> None:
    module_name, cores = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):  # Only Linux has it.
        # Before the libraries are imported: they count the cores once.
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    # Answers go out by a door of their own: native code prints to the old one.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    contestant: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["ask"] == "quit":
            break
        try:
            if request["ask"] == "prepare":
                module = importlib.import_module(module_name)
                contestant = module.open_case(request["given"])
                answer = {}
            elif request["ask"] == "check":
                answer = {"results": contestant.check(**request.get("how", {}))}
            else:
                answer = _run(contestant, request["count"], request.get("how", {}))
        except Exception as error:  # Whatever a library raises is an answer.
            traceback.print_exc()
            reason = " ".join(str(error).split())[:300]
            answer = {"failed": f"{type(error).__name__}: {reason}"}
        print(json.dumps(answer), file=answers, flush=True)


def _run(contestant: Any, count: int, how: dict[str, Any]) -> dict[str, Any]:
    start = time.perf_counter()
    amount, extras = contestant.run(count, **how)
    return {
        "seconds": time.perf_counter() - start,
        "amount": amount,
        "extras": extras,
    }


if __name__ == "__main__":
    main()

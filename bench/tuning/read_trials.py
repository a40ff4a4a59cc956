"""The trials that either side left, in the order in which they began."""

import json
import pathlib

from bench.tuning.trial import Trial


def read_trials(directory: pathlib.Path) -> list[Trial]:
    """Reads `trials/` of a sweep of `bert-cpu tune`, or of `bench.tuning.keras_loop`.

    A trial of ours that failed, or was cut off before its first epoch, counts as one
    that is not finished.
    """
    loop = sorted((directory / "trials").glob("*.json"))
    if loop:
        return [Trial(**_read(path)) for path in loop]
    records = [_read(p) for p in sorted(directory.glob("trials/*/trial.json"))]
    # The first trial begins when the budget does.
    begin = min((record["times"]["started"] for record in records), default=0.0)
    scores = {record["id"]: record["scores"] for record in records}
    return [_of_ours(record, begin, scores) for record in records]


def _of_ours(record, begin, scores):
    times = record["times"]
    continues = record.get("continues")
    before = pathlib.Path(continues).name if continues else None
    # Its history has the epochs of the trial that it continues as well.
    num_before = len(scores[before]) if before else 0
    return Trial(
        id=record["id"],
        is_finished=record["status"] == "completed",
        continues=before,
        values=record["values"],
        scores=tuple(record["scores"][num_before:]),
        seconds=times["started"] + times["seconds"] - begin,
    )


def _read(path):
    return json.loads(path.read_text(encoding="utf-8"))

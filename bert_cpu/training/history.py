"""What happened in a run, line by line: `history.jsonl` and TensorBoard."""

import json
import pathlib

import tensorflow as tf

from bert_cpu import storage


class History:
    """Writes events as they happen, each once.

    Args:
        run_dir: of the run.
        from_step, from_epoch: int. Steps after it and epochs after it are dropped
            first: a run that goes on from a checkpoint does those again.
    """

    def __init__(self, run_dir: pathlib.Path, from_step: int = 0, from_epoch: int = 0):
        last = {"step": from_step, "epoch": from_epoch}
        kept = [
            json.dumps(event)
            for event in read_history(run_dir)
            if event[event["kind"]] <= last[event["kind"]]
        ]
        path = run_dir / "history.jsonl"
        with storage.written_aside(path) as aside:
            aside.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._summaries = tf.summary.create_file_writer(str(run_dir / "tensorboard"))

    def write(self, kind: str, step: int, **values: float) -> None:
        """Adds one event.

        Args:
            kind: "step" or "epoch".
            step: int. Batches done so far.
            values: numbers by name.
        """
        self._file.write(json.dumps({"kind": kind, "step": step, **values}) + "\n")
        with self._summaries.as_default():
            for name, value in values.items():
                if name != "epoch":
                    tf.summary.scalar(name, value, step)

    def close(self) -> None:
        self._file.close()
        self._summaries.close()


def read_history(run_dir: pathlib.Path) -> list[dict]:
    """The events of a run, without a last line that was cut off."""
    events = []
    path = run_dir / "history.jsonl"
    for line in path.read_text().splitlines() if path.is_file() else ():
        try:
            events.append(json.loads(line))
        except ValueError:
            break
    return events

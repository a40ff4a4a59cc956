"""What happened in a run, line by line: `history.jsonl` and TensorBoard."""

import json
import pathlib

import tensorflow as tf


class History:
    """Writes events as they happen, each once.

    Args:
        run_dir: of the run.
        from_step: int. Events after it are dropped first: a run that goes on
            from a checkpoint does those steps again.
    """

    def __init__(self, run_dir: pathlib.Path, from_step: int = 0):
        kept = [event for event in read_history(run_dir) if event["step"] <= from_step]
        path = run_dir / "history.jsonl"
        self._file = path.open("w", encoding="utf-8", buffering=1)
        for event in kept:
            self._write_line(event)
        self._summaries = tf.summary.create_file_writer(str(run_dir / "tensorboard"))

    def write(self, kind: str, step: int, **values: float) -> None:
        """Adds one event.

        Args:
            kind: "step" or "epoch".
            step: int. Batches done so far.
            values: numbers by name.
        """
        self._write_line({"kind": kind, "step": step, **values})
        with self._summaries.as_default():
            for name, value in values.items():
                if name != "epoch":
                    tf.summary.scalar(name, value, step)

    def close(self) -> None:
        self._file.close()
        self._summaries.close()

    def _write_line(self, event):
        self._file.write(json.dumps(event) + "\n")


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

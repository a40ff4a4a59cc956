"""A process of a sweep: one trial, or one of the runs at its end.

Run as `python -m bert_cpu.commands.trial DIRECTORY`, by `bert-cpu tune`. A directory
with a `plan.json` is a trial's; else it is a run's.
"""

import os
import pathlib
import sys
import threading

from bert_cpu.commands.report_errors import INTERRUPTED, report_errors
from bert_cpu.commands.start_tensorflow import start_tensorflow
from bert_cpu.settings import TrainSettings
from bert_cpu.stored_settings import load_settings


def _work() -> int:
    threading.Thread(target=_leave_with_the_sweep, daemon=True).start()
    directory = pathlib.Path(sys.argv[1])
    settings = load_settings(directory / "config.json")
    assert isinstance(settings, TrainSettings)
    start_tensorflow(settings.dtype, settings.threads, batch=settings.batch_size)
    if (directory / "plan.json").is_file():
        from bert_cpu.search.run_trial import run_trial

        run_trial(directory)
        return 0
    from bert_cpu.commands.train import train_and_show
    from bert_cpu.training.cluster.cluster import Cluster

    return train_and_show(settings, Cluster())


def _leave_with_the_sweep():
    """Ends this process when the one that started it is gone, even by a kill."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(report_errors(_work))

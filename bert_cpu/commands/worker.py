"""One of several processes that `train --workers N` or `pretrain` starts.

Run as `python -m bert_cpu.commands.worker RUN_DIR`, with `TF_CONFIG` set: the
run's directory and its records are there, and its `config.json` says the rest.
"""

import os
import pathlib
import sys

from bert_cpu.commands.report_errors import INTERRUPTED, report_errors
from bert_cpu.commands.start_tensorflow import start_tensorflow
from bert_cpu.errors import Interrupted
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.settings import TrainSettings
from bert_cpu.stored_settings import load_settings


def _work() -> int:
    settings = load_settings(pathlib.Path(sys.argv[1]) / "config.json")
    start_tensorflow(settings.dtype, settings.threads)
    from bert_cpu.commands.pretrain import pretrain_and_show
    from bert_cpu.commands.train import train_and_show
    from bert_cpu.training.strategy import read_cluster

    cluster = read_cluster(os.environ)
    try:
        if isinstance(settings, PretrainSettings):
            return pretrain_and_show(settings, cluster)
        assert isinstance(settings, TrainSettings)
        return train_and_show(settings, cluster)
    except Interrupted:
        if cluster.is_chief:
            raise
        return INTERRUPTED  # The chief says it for all.


if __name__ == "__main__":
    sys.exit(report_errors(_work))

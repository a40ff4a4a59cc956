"""One of several processes that `train --workers N` or `pretrain` starts.

Run as `python -m bert_cpu.commands.worker RUN_DIR`, with `TF_CONFIG` set: the
run's directory and its records are there, and its `config.json` says the rest.

With `--member DIR` the `config.json` there is what a user typed for one worker of a
cluster, which does all that the command itself does.
"""

import os
import pathlib
import sys

from bert_cpu.commands.report_errors import INTERRUPTED, report_errors
from bert_cpu.commands.start_tensorflow import start_tensorflow
from bert_cpu.errors import FoundByAll, Interrupted
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.settings import TrainSettings
from bert_cpu.stored_settings import load_settings
from bert_cpu.training.cluster.read_cluster import read_cluster

_MISTAKE = 2


def _work() -> int:
    is_member = sys.argv[1] == "--member"
    settings = load_settings(pathlib.Path(sys.argv[-1]) / "config.json")
    named = (settings.cluster, settings.index) if is_member else ()
    cluster = read_cluster(os.environ, *named)
    start_tensorflow(
        settings.dtype,
        settings.threads,
        cluster.num_workers == 1,
        settings.batch_size // cluster.num_workers,
    )
    from bert_cpu.commands import pretrain, train

    try:
        if isinstance(settings, PretrainSettings):
            if is_member:
                return pretrain.run(settings)
            return pretrain.pretrain_and_show(settings, cluster)
        assert isinstance(settings, TrainSettings)
        if is_member:
            return train.run(settings)
        return train.train_and_show(settings, cluster)
    except Interrupted:
        if cluster.is_chief:
            raise
        return INTERRUPTED  # The chief says it for all.
    except FoundByAll:
        if cluster.is_chief:
            raise
        return _MISTAKE  # So here.


if __name__ == "__main__":
    sys.exit(report_errors(_work))

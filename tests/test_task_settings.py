"""Settings of a run that make no sense for its task, each refused in one line."""

import pytest

from bert_cpu.errors import UserError
from bert_cpu.settings import TrainSettings
from bert_cpu.task_catalog import make_task, task_class
from bert_cpu.task_names import TASK_NAMES
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.whole_batch import keep_whole_batch

LEARNED = {
    "score": "numbers",
    "embed": "which texts belong together",
    "fill": "hidden words",
}


@pytest.mark.parametrize("task", LEARNED)
def test_there_is_no_label_to_smooth(task):
    message = (
        rf"^--label-smoothing is 0\.1, but --task {task} learns {LEARNED[task]}, so "
        r"that there is no label to smooth\. Leave the option out\.$"
    )
    with pytest.raises(UserError, match=message):
        make_task(TrainSettings(task=task, label_smoothing=0.1))


@pytest.mark.parametrize("task", sorted(set(TASK_NAMES) - set(LEARNED)))
def test_labels_are_smoothed_elsewhere(task):
    settings = TrainSettings(task=task, label_smoothing=0.1)
    assert isinstance(make_task(settings), task_class(task))


ALONE = Cluster()
TWO = Cluster(("a:1", "b:1"), 0, source="TF_CONFIG")


@pytest.mark.parametrize(
    ("workers", "cluster", "asked"),
    [(2, ALONE, "--workers is 2"), (0, TWO, "TF_CONFIG names 2 workers")],
)
def test_a_batch_to_choose_from_needs_one_process(workers, cluster, asked):
    message = (
        rf"^{asked}, but in --task embed each text chooses among all texts of its "
        r"batch, which one process must hold\. Train in one process, with all "
        r"--threads\.$"
    )
    with pytest.raises(UserError, match=message):
        keep_whole_batch(TrainSettings(task="embed", workers=workers), cluster)
    other = TrainSettings(task="fill", workers=workers)
    assert keep_whole_batch(other, cluster) == other


def test_where_nobody_said_how_many_such_a_task_has_one_worker():
    assert keep_whole_batch(TrainSettings(task="embed"), ALONE).workers == 1

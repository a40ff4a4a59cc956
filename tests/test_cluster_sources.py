"""Every source of a cluster gives the same cluster, or says what is wrong with it."""

import json
import unittest.mock

import pytest

from bert_cpu.errors import UserError
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.read_cluster import read_cluster
from bert_cpu.training.cluster.slurm import expand_hosts

SLURM = {
    "SLURM_JOB_ID": "7001",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NODELIST": "n[01-02]",
    "SLURM_STEP_TASKS_PER_NODE": "2,1",
}
PODS = {
    "BERT_CPU_WORKERS": "2",
    "BERT_CPU_WORKER_ADDRESS": "train-{index}.train:2222",
    "JOB_COMPLETION_INDEX": "1",
}


def tf_config(cluster, kind="worker", index=0, **others):
    task = {"type": kind, "index": index}
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task, **others})}


def test_pods_are_named_by_their_number():
    cluster = read_cluster(PODS)
    assert cluster == Cluster(("train-0.train:2222", "train-1.train:2222"), 1)
    assert cluster.source == "BERT_CPU_WORKER_ADDRESS"
    assert cluster.name_of(1) == "worker 1 (train-1.train:2222)"


def test_an_indexed_job_with_other_work_is_no_cluster():
    assert read_cluster({"JOB_COMPLETION_INDEX": "3"}).num_workers == 1


def test_a_tfjobs_chief_is_the_first():
    replicas = {"chief": ["c:2222"], "worker": ["w:2222"]}
    environment = tf_config(replicas, environment="cloud")
    assert read_cluster(environment) == Cluster(("c:2222", "w:2222"), 1)


def test_slurms_tasks_are_placed_as_tensorflow_places_them():
    import tensorflow as tf

    cluster = read_cluster(SLURM)
    with unittest.mock.patch.dict("os.environ", SLURM):
        port = int(cluster.workers[0].rpartition(":")[2])
        theirs = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=port, gpus_per_node=2, gpus_per_task=1, auto_set_gpu=False
        )
        assert theirs.cluster_spec().as_dict() == {"worker": list(cluster.workers)}
        assert theirs.get_task_info() == ("worker", cluster.index)


def test_slurms_hosts_keep_their_order():
    step = {"SLURM_STEP_NODELIST": "n[9-10]", "SLURM_STEP_TASKS_PER_NODE": "2,1"}
    workers = read_cluster(SLURM | step).workers
    assert [worker.partition(":")[0] for worker in workers] == ["n9", "n9", "n10"]


def test_slurms_host_lists_are_expanded():
    found = list(expand_hosts("a[1-2,07]-ib,b,c[1-2]x[3-4]"))
    assert found == [
        *("a1-ib", "a2-ib", "a07-ib", "b"),
        *("c1x3", "c1x4", "c2x3", "c2x4"),
    ]


def test_neighbouring_slurm_jobs_have_other_ports():
    ports = {
        worker.rpartition(":")[2]
        for job in range(50)
        for worker in read_cluster(SLURM | {"SLURM_JOB_ID": str(job)}).workers[:2]
    }
    assert len(ports) == 100
    assert all(20000 <= int(port) < 32768 for port in ports)


@pytest.mark.parametrize("changes", [{"SLURM_STEP_NUM_TASKS": "1"}, None])
def test_a_single_task_or_a_batch_script_is_alone(changes):
    environment = SLURM | changes if changes else {"SLURM_PROCID": "0"}
    assert read_cluster(environment).num_workers == 1


def test_what_was_typed_counts_first():
    cluster = read_cluster(SLURM | PODS | tf_config({"worker": ["t:1"]}), "a:1,b:2", 1)
    assert (cluster, cluster.source) == (Cluster(("a:1", "b:2"), 1), "--cluster")
    assert read_cluster(SLURM | PODS | tf_config({"worker": ["t:1"]})).workers == (
        "t:1",
    )
    assert read_cluster(SLURM | PODS).source == "BERT_CPU_WORKER_ADDRESS"
    assert read_cluster(SLURM).source == "Slurm"


@pytest.mark.parametrize(
    "environment, listed, index, message",
    [
        ({}, "a:1,b:1", None, "--index is missing, but --cluster names 2 workers"),
        ({}, "a:1,b:1", 2, "--index is 2, but .* 0 to 1"),
        ({}, "a:1,b", 0, "--cluster has the worker 'b', but must have host:port"),
        ({}, "a:1,b:65536", 0, "with a port from 1 to 65535"),
        ({}, "a:1,a:1", 0, "--cluster has the worker 'a:1' twice"),
        (tf_config({"worker": ["a"]}), None, None, "TF_CONFIG has the worker 'a'"),
        (
            tf_config({"ps": ["p:1"], "worker": ["a:1"]}),
            None,
            None,
            "TF_CONFIG has ps in its cluster, but .*Leave only chief and worker",
        ),
        ({"BERT_CPU_WORKERS": "2"}, None, None, "BERT_CPU_WORKER_ADDRESS is not"),
        (PODS | {"BERT_CPU_WORKERS": "x"}, None, None, "'x', but must be a number"),
        (PODS | {"JOB_COMPLETION_INDEX": "2"}, None, None, "must be 0 to 1"),
        (
            PODS | {"BERT_CPU_WORKER_ADDRESS": "train:2222"},
            None,
            None,
            "must have {index} in the place",
        ),
        (SLURM | {"SLURM_PROCID": "x"}, None, None, "Slurm's variables name no step"),
        (SLURM | {"SLURM_PROCID": "3"}, None, None, "contradict each other: task 3"),
        (SLURM | {"SLURM_STEP_NODELIST": "n[1"}, None, None, "name no step .*'n\\[1'"),
        (
            SLURM | {"SLURM_STEP_NODELIST": "n[1-99999999]"},
            None,
            None,
            "over 65536 hosts",
        ),
        (
            SLURM | {"SLURMD_NODENAME": "n01"},
            None,
            None,
            "Task 2 .* is on 'n01', .* 'n02'. .*--distribution=block",
        ),
    ],
)
def test_what_can_not_be_a_cluster_is_said(environment, listed, index, message):
    with pytest.raises(UserError, match=message) as refusal:
        read_cluster(environment, listed, index)
    assert "\n" not in str(refusal.value)

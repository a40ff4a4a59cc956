"""Several processes that train together do what one alone does."""

import functools
import itertools
import json
import os
import signal
import socket
import sys
import time
import types

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
import three_steps
import tiny_run
from tiny_command import succeed

from bert_cpu.commands import start_workers as start_module
from bert_cpu.commands import train as train_command
from bert_cpu.errors import UserError
from bert_cpu.layers.dropout import Dropout
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.read_cluster import SWITCH, read_cluster
from bert_cpu.training.launch import launch_workers
from bert_cpu.training.run_directory import start_run

WORKERS = ["127.0.0.1:5001", "127.0.0.1:5002"]

needs_two_cores = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="a worker needs a core of its own"
)


def tf_config(cluster=None, task=None):
    return {
        "TF_CONFIG": json.dumps(
            {
                "cluster": {"worker": WORKERS} if cluster is None else cluster,
                "task": {"type": "worker", "index": 1} if task is None else task,
            }
        )
    }


@pytest.mark.parametrize("environment", [{}, {"TF_CONFIG": " "}, {"TF_CONFIG": "{}"}])
def test_without_tf_config_a_process_is_alone(environment):
    cluster = read_cluster(environment)
    assert (cluster.num_workers, cluster.is_chief) == (1, True)


def test_first_worker_is_the_chief_where_there_is_no_other():
    second = read_cluster(tf_config())
    assert second == Cluster(tuple(WORKERS), 1)
    assert (second.num_workers, second.is_chief) == (2, False)
    assert read_cluster(tf_config(task={"type": "worker", "index": "0"})).is_chief


def test_a_chief_comes_before_the_workers():
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    chief = read_cluster(tf_config(cluster, {"type": "chief", "index": 0}))
    worker = read_cluster(tf_config(cluster, {"type": "worker", "index": 0}))
    assert (chief.index, worker.index) == (0, 1)
    assert chief.workers == worker.workers == ("a:1", "b:1", "c:1")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        '"worker"',
        '{"cluster": {}}',
        '{"task": {"type": "worker", "index": 0}}',
        tf_config(cluster=[])["TF_CONFIG"],
        tf_config(cluster={"worker": "127.0.0.1:5001"})["TF_CONFIG"],
        tf_config(cluster={"worker": [5001, 5002]})["TF_CONFIG"],
        tf_config(cluster={"worker": None})["TF_CONFIG"],
        tf_config(task={"type": "worker"})["TF_CONFIG"],
        tf_config(task={"type": "worker", "index": None})["TF_CONFIG"],
        tf_config(task={"type": "worker", "index": "first"})["TF_CONFIG"],
        tf_config(task="worker 0")["TF_CONFIG"],
    ],
)
def test_a_malformed_tf_config_is_said_with_an_example(text):
    with pytest.raises(UserError, match=r"TF_CONFIG is not a cluster .*\"index\": 0\}"):
        read_cluster({"TF_CONFIG": text})


@pytest.mark.parametrize(
    "cluster, task",
    [
        ({"worker": WORKERS}, {"type": "worker", "index": 2}),
        ({"worker": WORKERS}, {"type": "worker", "index": -1}),
        ({"worker": WORKERS}, {"type": "chief", "index": 0}),
        ({"worker": WORKERS}, {"type": "evaluator", "index": 0}),
        ({"chief": ["a:1"], "worker": WORKERS}, {"type": "worker", "index": -1}),
        ({"chief": ["a:1"], "worker": WORKERS}, {"type": "chief", "index": 1}),
        ({"worker": []}, {"type": "worker", "index": 0}),
    ],
)
def test_a_task_that_is_not_in_the_cluster_is_said(cluster, task):
    message = rf"this is {task['type']} {task['index']}, but .*Correct its task"
    with pytest.raises(UserError, match=message):
        read_cluster(tf_config(cluster, task))


def launch(tmp_path, script, num_workers=2, threads=0):
    """Runs a script without TensorFlow in workers: `index` and `tmp_path` are there."""
    start = (
        "import json, os, pathlib, sys, time\n"
        "config = json.loads(os.environ['TF_CONFIG'])\n"
        "index = config['task']['index']\n"
        f"tmp_path = pathlib.Path({str(tmp_path)!r})\n"
    )
    return launch_workers([sys.executable, "-c", start + script], num_workers, threads)


@needs_two_cores
def test_workers_get_one_cluster_free_ports_and_cores_of_their_own(tmp_path):
    before = os.sched_getaffinity(0)
    code = launch(
        tmp_path,
        "time.sleep(0.5)\n"
        "told = [config, sorted(os.sched_getaffinity(0))]\n"
        "(tmp_path / f'{index}.json').write_text(json.dumps(told))",
    )
    assert code == 0
    (first, cores), (second, other_cores) = (
        json.loads((tmp_path / f"{index}.json").read_text()) for index in range(2)
    )
    assert first["cluster"] == second["cluster"]
    assert [first["task"], second["task"]] == [
        {"type": "worker", "index": 0},
        {"type": "worker", "index": 1},
    ]
    clusters = [read_cluster({"TF_CONFIG": json.dumps(c)}) for c in (first, second)]
    assert [cluster.index for cluster in clusters] == [0, 1]
    ports = [int(host.split(":")[1]) for host in clusters[0].workers]
    assert len(set(ports)) == 2
    for port in ports:
        with socket.socket() as free:
            free.bind(("127.0.0.1", port))
    assert cores
    assert other_cores
    assert not set(cores) & set(other_cores)
    assert set(cores) | set(other_cores) <= before
    assert os.sched_getaffinity(0) == before


@needs_two_cores
@pytest.mark.parametrize("failing", [0, 1])
def test_a_worker_that_fails_ends_the_others(tmp_path, failing):
    started = time.monotonic()
    code = launch(
        tmp_path,
        "(tmp_path / str(index)).write_text(str(os.getpid()))\n"
        "while len(list(tmp_path.iterdir())) < 2: time.sleep(0.01)\n"
        f"sys.exit(7) if index == {failing} else time.sleep(60)",
    )
    assert code == 7
    assert time.monotonic() - started < 20
    for index in range(2):
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / str(index)).read_text()), 0)


@needs_two_cores
def test_a_command_that_fails_at_once_is_no_accident(tmp_path):
    assert launch_workers(["false"], 2, 0) == 1


@needs_two_cores
def test_a_worker_that_is_killed_counts_as_failed(tmp_path):
    code = launch(tmp_path, "os.kill(os.getpid(), 9) if index else time.sleep(60)")
    assert code == -signal.SIGKILL


@needs_two_cores
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_stop_is_passed_on_as_the_other_signal(tmp_path, number):
    # The first worker sends it to the command that started both, as `kill` does.
    code = launch(
        tmp_path,
        "import signal\n"
        "def hear(number, frame):\n"
        "    (tmp_path / f'heard-{index}').write_text(str(int(number)))\n"
        "    time.sleep(0.2)\n"
        "    sys.exit(130)\n"
        "for each in (signal.SIGINT, signal.SIGTERM): signal.signal(each, hear)\n"
        "(tmp_path / f'ready-{index}').touch()\n"
        "while len(list(tmp_path.glob('ready-*'))) < 2: time.sleep(0.01)\n"
        f"if index == 0: os.kill(os.getppid(), {int(number)})\n"
        "time.sleep(60)",
    )
    assert code == 130
    other = {signal.SIGINT: signal.SIGTERM, signal.SIGTERM: signal.SIGINT}[number]
    heard = [(tmp_path / f"heard-{index}").read_text() for index in range(2)]
    assert heard == [str(int(other))] * 2


def test_more_workers_than_cores_are_refused():
    cores = len(os.sched_getaffinity(0))
    with pytest.raises(UserError, match=rf"--workers is {cores + 1}, .* only {cores}"):
        launch_workers(["true"], cores + 1, 0)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Records of 73 reviews: batches of 30, 30 and 13, which two do not divide."""
    directory = tmp_path_factory.mktemp("workers")
    settings = tiny_run.tiny_settings(directory)
    tiny_run.write_reviews(directory / "train.csv", 73)
    tiny_run.prepare(settings, directory / "records")
    return directory


@needs_two_cores
@pytest.mark.parametrize(
    "begun, typed, workers",
    [(2, (), 2), (1, (), 1), (1, ("--workers", "2"), 2), (2, ("--workers", "1"), 1)],
)
def test_a_run_goes_on_with_as_many_workers_as_it_began_with_or_is_told(
    directory, tmp_path, monkeypatch, begun, typed, workers
):
    settings = tiny_run.tiny_settings(
        directory, name="begun", runs_dir=str(tmp_path), workers=begun
    )
    start_run(settings)
    checkpoints = settings.run_dir / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "step-00000000.json").write_text('{"version": 1}')
    launched, alone = [], []
    monkeypatch.setattr(
        start_module, "launch_workers", lambda *given: launched.append(given) or 0
    )
    monkeypatch.setattr(
        train_command, "train_and_show", lambda *given: alone.append(given) or 0
    )
    where = ("--name", "begun", "--runs-dir", str(tmp_path))
    succeed("train", "--resume", *where, *typed)
    if workers == 1:
        ((found, cluster),) = alone
        assert (launched, found.workers, cluster.num_workers) == ([], 1, 1)
    else:
        ((command, *found),) = launched
        assert command[-2:] == ["bert_cpu.commands.worker", str(settings.run_dir)]
        assert (alone, found) == ([], [workers, 1])


@pytest.fixture(scope="module")
def two_workers(directory):
    """Trains in two, once for each way: their weights and what dropout left of ones."""

    @functools.cache
    def train(accumulate, shared):
        script = str(tiny_run.TESTS / "three_steps.py")
        command = [sys.executable, script, str(directory), str(accumulate)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", tiny_run.environment()["PYTHONPATH"])
            patch.setenv(SWITCH, shared)
            assert launch_workers(command, 2, 1) == 0
        return [
            safetensors.numpy.load_file(directory / f"worker-{index}.safetensors")
            for index in range(2)
        ], [np.load(directory / f"dropped-{index}.npy") for index in range(2)]

    return train


@needs_two_cores
@pytest.mark.parametrize(
    # Two updates of two batches and one, or an update a batch. In memory that both
    # share, or by TensorFlow's messages.
    "accumulate, shared",
    [
        (1, "1"),
        pytest.param(2, "1", marks=pytest.mark.slow),
        (1, "0"),
        pytest.param(2, "0", marks=pytest.mark.slow),
    ],
)
def test_two_workers_agree_with_one(directory, two_workers, accumulate, shared):
    two, _ = two_workers(accumulate, shared)
    losses, one, _ = three_steps.train(directory, Cluster(), accumulate)
    assert len(losses) == 3
    assert two[0].keys() == two[1].keys() == one.keys()
    for path, expected in one.items():
        np.testing.assert_array_equal(two[0][path], two[1][path], err_msg=path)
        # Two halves of a sum are rounded otherwise than the whole.
        np.testing.assert_allclose(two[0][path], expected, atol=1e-5, err_msg=path)


@needs_two_cores
def test_each_worker_drops_by_choices_of_its_own(two_workers):
    _, (first, second) = two_workers(1, "1")
    layer = Dropout(0.5, seed=1)
    alone = [layer(tf.ones(999), training=True).numpy() for _ in range(2)]
    # Or a run of one process would not be what it was before there were several.
    np.testing.assert_array_equal(first, alone)
    choices = [mask > 0 for mask in (*first, *second)]
    for one, other in itertools.combinations(choices, 2):
        # Of fair coins half agree, with a standard deviation of 16 in 999.
        assert abs((one == other).sum() - 499.5) < 5 * 16


def test_replicas_whose_seeds_are_neighbours_share_no_choices(monkeypatch):
    def mask(seed, replica):
        context = types.SimpleNamespace(replica_id_in_sync_group=replica)
        monkeypatch.setattr(tf.distribute, "get_replica_context", lambda: context)
        return Dropout(0.5, seed=seed)(tf.ones(999), training=True).numpy() > 0

    masks = [mask(seed, replica) for seed in range(8) for replica in range(8)]
    for one, other in itertools.combinations(masks, 2):
        assert abs((one == other).sum() - 499.5) < 6 * 16

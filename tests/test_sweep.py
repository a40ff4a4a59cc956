"""Whole sweeps on a tiny BERT: killed, resumed, by rungs, under limits, by workers."""

import dataclasses
import json
import signal
import socket
import subprocess
import sys
import time

import pytest
import tiny_run
from safetensors.numpy import load_file

from bert_cpu.training.history import read_history

pytestmark = pytest.mark.slow

SPACE = "learning_rate: {log: [1e-4, 1e-2]}\nbatch_size: 8\ndropout: [0.0, 0.1]\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sweep")
    tiny_run.write_encoder(directory / "encoder", num_hidden_layers=2)
    tiny_run.tiny_settings(directory)
    (directory / "space.yaml").write_text(SPACE)
    return directory


def command(place, name, *options):
    return [
        *(sys.executable, "-m", "bert_cpu.cli", "tune", "--name", name),
        *("--encoder", "encoder", "--max-length", "16", "--space", "space.yaml"),
        *(
            "--data",
            "train.csv",
            "--validation",
            "validation.csv",
            "--test",
            "test.csv",
        ),
        *("--dtype", "float32", *options),
    ]


def start(place, words, **environment):
    return subprocess.Popen(
        words,
        cwd=place,
        env=tiny_run.environment() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process):
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    return said


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def wait_for(path, process):
    end = time.monotonic() + 300
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.05)


def plain_run(place, trial, name, epochs):
    """The same training by itself, without a sweep around it."""
    settings = tiny_run.TrainSettings(**trial["settings"])
    settings = dataclasses.replace(
        settings,
        name=name,
        runs_dir=str(place / "plain"),
        encoder=str(place / "encoder"),
        epochs=epochs,
    )
    with pytest.MonkeyPatch.context() as patch:
        # In as many streams as the trial's process had: each draws its own dropout.
        patch.setenv("TF_NUM_INTRAOP_THREADS", "1")
        patch.setenv("TF_NUM_INTEROP_THREADS", str(settings.threads))
        tiny_run.run(settings)
    return settings.run_dir


def test_a_killed_sweep_goes_on_and_loses_no_trial_that_had_ended(place):
    options = ("--algorithm", "random", "--trials", "3", "--epochs", "2")
    words = command(place, "killed", *options, "--final-seeds", "1")
    sweep = place / "sweeps" / "killed"
    process = start(place, words)
    wait_for(sweep / "trials" / "0000" / "trial.json", process)
    wait_for(sweep / "trials" / "0001" / "config.json", process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = (sweep / "trials" / "0000" / "trial.json").read_bytes()
    tried = read(sweep / "trials" / "0001" / "config.json")
    said = finish(start(place, [*words, "--resume"]))
    assert "trial 0000" not in said
    assert (sweep / "trials" / "0000" / "trial.json").read_bytes() == kept
    content = read(sweep / "sweep.json")
    trials = content["trials"]
    assert [trial["id"] for trial in trials] == ["0000", "0001", "0002"]
    assert [trial["seed"] for trial in trials] == [0, 1, 2]
    # The one that was under way is the same again, and comes to what it would have.
    assert trials[1]["settings"] == {
        name: value for name, value in tried.items() if name != "command"
    }
    best = max(trials, key=lambda trial: trial["score"])
    assert (
        trials[[t["id"] for t in trials].index(content["best"])]["score"]
        == (best["score"])
    )
    plain = plain_run(place, trials[1], "one", 2)
    theirs = [e for e in read_history(plain) if e["kind"] == "epoch"]
    ours = [e for e in read_history(sweep / "trials/0001") if e["kind"] == "epoch"]
    assert ours == theirs
    assert trials[1]["score"] == read(plain / "metrics.json")["validation"]["accuracy"]
    # Made once, for three trials and four runs.
    assert len([p for p in (sweep / "records").iterdir() if p.is_dir()]) == 1
    final = content["final"]
    assert {run["run_dir"] for run in final["runs"]} == {
        "runs/killed-best-0",
        "runs/killed-default-0",
    }
    run_dir = place / final["best_run"]
    config = read(run_dir / "config.json")
    chosen = next(t for t in trials if t["id"] == content["best"])
    assert config["learning_rate"] == chosen["values"]["learning_rate"]
    assert load_file(run_dir / "bundle" / "model.safetensors")
    page = (sweep / "report.html").read_text(encoding="utf-8")
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in page
    assert final["best_run"] in page
    assert "Trained again, and tested" in said


def test_a_trial_of_a_higher_rung_is_the_run_that_was_never_halted(place):
    options = ("--algorithm", "hyperband", "--trials", "4", "--epochs", "3")
    words = command(place, "rungs", *options, "--final-seeds", "0")
    finish(start(place, words))
    sweep = place / "sweeps" / "rungs"
    trials = read(sweep / "sweep.json")["trials"]
    assert [trial["epochs"] for trial in trials] == [1, 1, 1, 3]
    low = max(trials[:3], key=lambda trial: trial["score"])
    high = trials[3]
    assert high["continues"].endswith(f"trials/{low['id']}")
    assert high["values"] == low["values"]
    assert (low["seed"], len(low["scores"])) == (high["seed"], 1)
    plain = plain_run(place, high, "three", 3)
    theirs = [e for e in read_history(plain) if e["kind"] == "epoch"]
    ours = [e for e in read_history(sweep / "trials/0003") if e["kind"] == "epoch"]
    assert ours == theirs
    # Its first epoch was trained once, by the trial below.
    first = read(sweep / "trials" / low["id"] / "result.json")["train"]["examples"]
    assert high["train"]["examples"] == 3 * first


def test_the_best_within_the_limits_is_one_that_is(place):
    (place / "layers.yaml").write_text("keep_layers: [1, 2]\nbatch_size: 8\n")
    options = ("--algorithm", "bayesian", "--trials", "2", "--epochs", "1")
    words = command(place, "limits", *options, "--final-seeds", "0")
    words[words.index("space.yaml")] = "layers.yaml"
    finish(start(place, [*words, "--max-size-mb", "1", "--max-latency-ms", "1000"]))
    sweep = read(place / "sweeps" / "limits" / "sweep.json")
    sizes = {
        trial["settings"]["keep_layers"]: trial["converted"][0]["size_mb"]
        for trial in sweep["trials"]
    }
    assert sizes[1] < sizes[2]
    assert all(trial["converted"][0]["latency_ms"] > 0 for trial in sweep["trials"])
    # Between the two: only the smaller one is within it now.
    limit = str((sizes[1] + sizes[2]) / 2)
    words[words.index("limits")] = "tight"
    process = start(place, [*words, "--max-size-mb", limit, "--max-latency-ms", "1000"])
    said = finish(process)
    tight = read(place / "sweeps" / "tight" / "sweep.json")
    best = next(t for t in tight["trials"] if t["id"] == tight["best"])
    kept = next(v for v in best["converted"] if v["name"] == best["variant"])
    assert kept["size_mb"] <= float(limit)
    assert best["score"] == kept["accuracy"]
    assert "outside the limits" in said or all(t["variant"] for t in tight["trials"])
    words[words.index("tight")] = "none"
    process = start(place, [*words, "--max-size-mb", "0.001"])
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 2
    assert "None of 2 trials has a model within the limits: the fastest takes" in said


def test_a_worker_runs_what_its_chief_chooses(place):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = command(
        place,
        "chief",
        *("--algorithm", "random", "--trials", "3", "--epochs", "1"),
        *("--final-seeds", "0"),
    )
    where = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": port}
    workers = [
        start(place, words, KERASTUNER_TUNER_ID=f"tuner{number}", **where)
        for number in range(2)
    ]
    chief = start(place, words, KERASTUNER_TUNER_ID="chief", **where)
    told = [finish(worker) for worker in workers]
    finish(chief)
    trials = read(place / "sweeps" / "chief" / "sweep.json")["trials"]
    assert [trial["id"] for trial in trials] == ["0000", "0001", "0002"]
    assert all(trial["status"] == "completed" for trial in trials)
    for number in range(3):
        assert sum(f"trial 000{number}: " in each for each in told) == 1
    # The chief gives what one process alone would have tried.
    alone = [*words[:4], "--name", "alone", *words[6:]]
    finish(start(place, alone))
    values = [t["values"] for t in read(place / "sweeps/alone/sweep.json")["trials"]]
    assert sorted(map(str, values)) == sorted(str(t["values"]) for t in trials)


def test_a_stopped_sweep_says_how_to_go_on(place):
    words = command(
        place,
        "stopped",
        *("--algorithm", "random", "--trials", "2", "--epochs", "200"),
        *("--final-seeds", "0", "--sweeps-dir", "my sweeps"),
    )
    process = start(place, words)
    history = place / "my sweeps/stopped/trials/0000/history.jsonl"
    wait_for(history, process)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "Go on with --name stopped --sweeps-dir 'my sweeps' --resume." in said
    # The trial is not over, and keeps what it had.
    assert not (history.parent / "trial.json").exists()
    assert list((history.parent / "checkpoints").glob("step-*.json"))

"""The race of sweeps: what is drawn, trained, counted, written and refused."""

import dataclasses
import json
import math
import os
import re
import sys

import pytest

from bench.tuning import keras_loop as loop
from bench.tuning import measure, run_side
from bench.tuning.__main__ import BEGIN, END
from bench.tuning.__main__ import main as write_page
from bench.tuning.count_trials import count_same_draws, count_trials
from bench.tuning.keras_space import KerasValues, keras_space
from bench.tuning.read_trials import read_trials
from bench.tuning.report import NOT_MEASURED
from bench.tuning.trial import Trial
from bert_cpu.search.default_space import default_space
from bert_cpu.search.oracle import make_oracle
from bert_cpu.tune_settings import TuneSettings

VALUES = {"learning_rate": 1e-4, "batch_size": 16}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def draw(oracle, number):
    """The values of trials that are worth less and less, and who continues whom."""
    found = []
    for place in range(number):
        trial = oracle.create_trial("tuner0")
        found.append(dict(trial.hyperparameters.values))
        name = oracle.objective.name
        oracle.update_trial(trial.trial_id, {name: 1.0 - place / 100})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return found


def test_both_sides_draw_the_same_trials_of_the_default_space(tmp_path):
    import keras_tuner

    ours = make_oracle(
        TuneSettings(), default_space(6, 128, False, has_rungs=True), "accuracy"
    )
    ours._set_project_dir(tmp_path / "ours", "oracle")

    class Never(keras_tuner.HyperModel):
        def build(self, hp):
            import keras

            values = keras_space(hp, num_layers=6)
            assert isinstance(values, KerasValues)
            asked.update(dataclasses.asdict(values))
            return keras.Sequential()

    asked = {}
    theirs = loop._Search(
        Never(),
        objective=keras_tuner.Objective("val_accuracy", "max"),
        max_epochs=TuneSettings().epochs,
        hyperband_iterations=loop._MANY,
        seed=TuneSettings().seed + 1,
        directory=str(tmp_path / "theirs"),
    ).oracle
    theirs.verbose = 0
    # More than one bracket: 4 and 2 trials.
    expected, found = draw(ours, 9), draw(theirs, 9)
    assert found == expected
    assert len({values["learning_rate"] for values in found}) > 5
    assert any("tuner/trial_id" in values for values in found)
    assert set(asked) | {"layer_decay"} == {
        name for name in found[0] if not name.startswith("tuner/")
    }


def test_the_learning_rate_of_a_trial_is_the_one_of_ours():
    from bert_cpu.training.schedule import WarmupLinearDecay

    theirs = loop.WarmupLinearDecay(2e-4, 12, 0.2)
    ours = WarmupLinearDecay(2e-4, 12, 0.2)
    for step in range(12):
        assert float(theirs(step)) == pytest.approx(float(ours(step)), rel=1e-6)
    assert loop.WarmupLinearDecay.from_config(theirs.get_config())(5) == theirs(5)


def tiny_classifier(made):
    """Makes models that a tiny trial trains in no time, and notes what was asked."""
    import keras

    def make(num_labels, dropout, freeze_layers):
        ids, segments, mask = (
            keras.Input((None,), dtype="int32", name=name)
            for name in ("token_ids", "segment_ids", "padding_mask")
        )
        vectors = keras.layers.Embedding(20, 4, name="words")(ids)
        vectors += keras.layers.Embedding(2, 4, name="segments")(segments)
        shares = keras.ops.cast(mask, "float32")[..., None]
        pooled = keras.ops.sum(vectors * shares, axis=1)
        pooled = keras.layers.Dropout(dropout)(pooled)
        logits = keras.layers.Dense(num_labels, name="logits")(pooled)
        inputs = {"token_ids": ids, "segment_ids": segments, "padding_mask": mask}
        model = keras.Model(inputs, logits)
        made.append((model, freeze_layers))
        return model

    return make


@pytest.fixture
def splits():
    """Label 1 where token 7 is, in texts of 3 to 7 tokens."""
    ids = [
        [2, *([7] if row % 2 else []), *range(8, 9 + row % 4), 3] for row in range(40)
    ]
    split = loop.Split(ids, [row % 2 for row in range(40)])
    return split, loop.Split(ids[:8], split.labels[:8])


class Clock:
    """Runs out at the start of a trial."""

    def __init__(self, num_trials):
        self.left = num_trials

    def run_out(self, run_trial):
        def counted(tuner, trial, *args, **kwargs):
            if not self.left:
                tuner.deadline = 0.0
            self.left -= 1
            return run_trial(tuner, trial, *args, **kwargs)

        return counted


@pytest.mark.slow
# Keras's saving of weights, with NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")
def test_the_loop_trains_trials_until_the_budget_ends(tmp_path, splits, monkeypatch):
    made = []
    monkeypatch.setattr(
        loop._Search, "run_trial", Clock(4).run_out(loop._Search.run_trial)
    )
    loop.keras_loop(tiny_classifier(made), splits, tmp_path / "x", 3, 3, 0, 600.0)
    trials = read_trials(tmp_path / "x")
    assert [trial.id for trial in trials] == ["0000", "0001", "0002", "0003", "0004"]
    assert [trial.is_finished for trial in trials] == [True] * 4 + [False]
    # Hyperband of at most three epochs: three trials of one, the best goes on.
    assert [len(trial.scores) for trial in trials] == [1, 1, 1, 2, 0]
    best = max(trials[:3], key=lambda trial: trial.scores[0])
    assert [trial.continues for trial in trials] == [None] * 3 + [best.id, None]
    assert trials[3].values == best.values
    assert [t.seconds for t in trials] == sorted(t.seconds for t in trials)
    model, frozen = made[4]  # The first was to find the space out.
    assert frozen == trials[3].values["freeze_layers"]
    optimizer = model.optimizer
    updates = math.ceil(40 / trials[3].values["batch_size"])
    # It went on where the trial below was: one epoch of three was made there.
    assert int(optimizer.iterations) == 3 * updates
    schedule = optimizer._learning_rate
    assert schedule.num_updates == 3 * updates
    assert schedule.peak == trials[3].values["learning_rate"]
    assert (optimizer.use_ema, optimizer.global_clipnorm) == (True, 1.0)
    assert optimizer.weight_decay == trials[3].values["weight_decay"]
    decayed = [v.path for v in model.variables if optimizer._use_weight_decay(v)]
    assert decayed == ["words/embeddings", "segments/embeddings", "logits/kernel"]


def test_texts_are_padded_to_the_longest_of_their_batch(splits):
    batches = list(loop._examples(splits[1], 2).padded_batch(2))
    features, labels = batches[0]
    # Rows 0 and 1 have 3 and 5 tokens; the longest of all has 7.
    assert features["token_ids"].numpy().tolist() == [
        [2, 8, 3, 0, 0],
        [2, 7, 8, 9, 3],
    ]
    assert features["padding_mask"].numpy().tolist() == [[1] * 3 + [0] * 2, [1] * 5]
    assert not features["segment_ids"].numpy().any()
    assert labels.numpy().tolist() == [[1.0, 0.0], [0.0, 1.0]]


def ours_trial(directory, number, scores, **changes):
    record = {
        "id": number,
        "status": "completed",
        "values": VALUES,
        "scores": scores,
        "continues": None,
        "times": {"started": 1000.0, "seconds": 60.0},
        **changes,
    }
    write(directory / "trials" / number / "trial.json", record)


@pytest.fixture
def stored(tmp_path):
    """A sweep of ours by longhand, with a budget of 300 s."""
    ours = tmp_path / "race"
    ours_trial(ours, "0000", [0.80])
    ours_trial(ours, "0001", [0.70], times={"started": 1060.0, "seconds": 50.0})
    ours_trial(
        *(ours, "0002", [0.80, 0.83, 0.82]),
        continues="somewhere/trials/0000",
        times={"started": 1110.0, "seconds": 110.0},
    )
    ours_trial(
        *(ours, "0003", []),
        status="failed",
        times={"started": 1220.0, "seconds": 10.0},
    )
    # Two of its three epochs were done when the budget ended; then it saved.
    ours_trial(
        *(ours, "0004", [0.60, 0.90]),
        status="stopped",
        times={"started": 1230.0, "seconds": 72.0},
    )
    # Finished behind the budget: no trial of it.
    ours_trial(ours, "0005", [0.99], times={"started": 1290.0, "seconds": 20.0})
    return ours


def test_trials_are_counted_as_by_hand(stored):
    trials = read_trials(stored)
    assert trials[2] == Trial("0002", True, "0000", VALUES, (0.83, 0.82), 220.0)
    assert count_trials(trials, num_examples=70, budget_seconds=300.0) == {
        "trials": 3,
        "epochs": 6,
        "examples": 420,
        "epoch_seconds": 50.0,
        "best_accuracy": 0.90,
    }
    # The budget of 215 s ended before the third, of which nothing was finished.
    assert count_trials(trials, 70, 215.0)["trials"] == 2


def test_a_loop_s_trials_are_counted_by_the_same_rule(tmp_path):
    for number, is_finished, scores, seconds in [
        ("0000", True, [0.5], 100.0),
        ("0001", False, [0.6, 0.7], 301.0),
    ]:
        trial = Trial(number, is_finished, None, VALUES, scores, seconds)
        write(tmp_path / "trials" / f"{number}.json", dataclasses.asdict(trial))
    counts = count_trials(read_trials(tmp_path), 10, 300.0)
    assert (counts["trials"], counts["epochs"], counts["examples"]) == (1, 3, 30)
    assert counts["best_accuracy"] == 0.7


def test_without_a_trial_there_is_nothing_to_divide(tmp_path):
    assert count_trials(read_trials(tmp_path), 10, 60.0) == {
        "trials": 0,
        "epochs": 0,
        "examples": 0,
        "epoch_seconds": None,
        "best_accuracy": None,
    }


def test_the_same_draws_are_counted_until_the_first_that_differs():
    def trials(*rates, continues=None):
        return [Trial("0", True, continues, {"r": rate}, (), 0.0) for rate in rates]

    # Which trial goes on depends on its score, and is no draw.
    ours = [*trials(1, 2), *trials(2, continues="1"), *trials(3, 4)]
    assert count_same_draws(ours, trials(1, 2, 3, 4, 5)) == (4, 4)
    assert count_same_draws(ours, trials(1, 9, 3)) == (1, 3)
    assert count_same_draws(ours, []) == (0, 0)


@pytest.fixture
def race(tmp_path, monkeypatch, stored):
    """Runs the race on stored trials; gives the words, and what it wrote."""
    for name in ("train", "validation", "test"):
        (tmp_path / f"{name}.jsonl").write_text('{"text": "a", "label": "b"}\n' * 70)
    asked = []

    def pretend(side, given, pythons, cores, work):
        asked.append((side, given["budget_seconds"]))
        if side == "ours":
            return stored
        trial = Trial("0000", True, None, VALUES, (0.85,), 250.0)
        write(work / "trials" / "0000.json", dataclasses.asdict(trial))
        return work

    monkeypatch.setattr(measure, "run_side", pretend)
    monkeypatch.setattr(measure, "read_versions", lambda _: {"ours": {}, "peers": {}})
    output = tmp_path / "tune.json"
    words = [
        *("--budget", "5m", "--splits", str(tmp_path), "--encoder", str(tmp_path)),
        *("--peers", sys.executable, "--work", str(tmp_path / "work")),
        *("--output", str(output)),
    ]
    return words, output, asked


def test_the_race_writes_both_sides_and_goes_on_with_one(race, monkeypatch):
    words, output, asked = race

    def fail(*_):
        raise run_side.SideFailed("theirs ended with exit code 1")

    pretend = measure.run_side
    monkeypatch.setattr(
        measure, "run_side", lambda s, *a: pretend(s, *a) if s == "ours" else fail()
    )
    assert measure.main(words) == 1
    assert list(json.loads(output.read_text())["sides"]) == ["ours"]
    monkeypatch.setattr(measure, "run_side", pretend)
    assert measure.main([*words, "--resume"]) == 0
    assert asked == [("ours", 300.0), ("theirs", 300.0)]
    sides = json.loads(output.read_text())["sides"]
    assert (sides["ours"]["trials"], sides["theirs"]["trials"]) == (3, 1)
    assert sides["theirs"]["examples"] == 70
    assert len(sides["ours"]["each"]) == 6
    with pytest.raises(SystemExit, match="is of other settings: leave --resume out"):
        measure.main([*words, "--resume", "--budget", "6m"])


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            ["--budget", "soon"],
            "--budget is 'soon', but must be a time over 0, such as",
        ),
        (["--budget", "0m"], "--budget is '0m', but must be a time over 0"),
        (["--seed", "-1"], "--seed is -1, but must be 0 or more"),
        (["--max-length", "2"], "--max-length is 2, but must be 3 or more"),
        (["--encoder", "nowhere"], "there is no directory 'nowhere'"),
        (["--peers", "nowhere"], "there is no nowhere: run `make bench-tune`, which"),
    ],
)
def test_a_mistake_is_said_before_anything_runs(race, changes, message, capsys):
    words, output, asked = race
    with pytest.raises(SystemExit) as leaving:
        measure.main([*words, *changes])
    assert leaving.value.code == 2
    assert message in capsys.readouterr().err
    assert (asked, output.exists()) == ([], False)


def test_texts_of_one_s_own_need_an_encoder(tmp_path, capsys):
    with pytest.raises(SystemExit) as leaving:
        measure.main(["--splits", str(tmp_path), "--peers", sys.executable])
    assert leaving.value.code == 2
    assert "got one of --splits and --encoder: give both" in capsys.readouterr().err


def interpreter(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


GIVEN = {
    **{name: f"{name}.jsonl" for name in ("train", "validation", "test")},
    "encoder": "encoder",
    "max_length": 128,
    "epochs": 3,
    "seed": 5,
    "dtype": "bfloat16",
    "budget_seconds": 90.0,
}


def test_each_side_is_told_the_same(tmp_path):
    python = interpreter(tmp_path / "python", 'printf "%s\\n" "$@"')
    pythons, cores = {"ours": python, "peers": python}, sorted(os.sched_getaffinity(0))
    where = [
        run_side.run_side(side, GIVEN, pythons, cores, tmp_path / "work")
        for side in run_side.SIDES
    ]
    work = tmp_path / "work"
    assert where == [work / "ours" / "race", work / "theirs"]
    words = (work / "ours.log").read_text().splitlines()
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert words[2] == "tune"
    assert options == {
        "--data": "train.jsonl",
        "--validation": "validation.jsonl",
        "--test": "test.jsonl",
        "--encoder": "encoder",
        "--max-length": "128",
        "--algorithm": "hyperband",
        "--epochs": "3",
        "--seed": "5",
        "--dtype": "bfloat16",
        "--budget": "90s",
        "--final-seeds": "0",
        "--sweeps-dir": str(work / "ours"),
        "--name": "race",
    }
    told = json.loads((work / "theirs.log").read_text().splitlines()[-1])
    assert told == GIVEN | {
        "dtype": "mixed_bfloat16",
        "directory": str(work / "theirs"),
    }


def test_a_side_that_comes_to_no_end_is_said(tmp_path, monkeypatch):
    cores = sorted(os.sched_getaffinity(0))
    monkeypatch.setattr(run_side, "GRACE_SECONDS", -89.5)
    for script, message in [
        ("exit 3", r"theirs ended with exit code 3: '.*theirs.log' says why"),
        ("sleep 600", r"theirs went on long after its budget: '.*theirs.log' says"),
    ]:
        pythons = {"peers": interpreter(tmp_path / "python", script)}
        with pytest.raises(run_side.SideFailed, match=message):
            run_side.run_side("theirs", GIVEN, pythons, cores, tmp_path / "work")


MEASURED = {
    "settings": {
        "num_examples": 8099,
        "dtype": "bfloat16",
        "budget_seconds": 1800.0,
        "seed": 0,
    },
    "machine": {
        "model": "A CPU",
        "cores": [0, 1],
        "memory_gb": 8.0,
        "simd": ["avx2"],
        "system": "Linux 6",
        "load": 0.1,
    },
    "versions": {"peers": {"keras-hub": "0.32.0", "keras-tuner": "1.4.8"}},
}


def side(trials, epochs, **changes):
    return {
        "trials": trials,
        "epochs": epochs,
        "examples": 8099 * epochs,
        "epoch_seconds": 1800 / epochs if epochs else None,
        "best_accuracy": 0.87654 if epochs else None,
        "each": [dataclasses.asdict(Trial("0", True, None, VALUES, (), 1.0))],
        **changes,
    }


@pytest.fixture
def page(tmp_path):
    """Writes a page from results, and gives its text."""
    path = tmp_path / "tuning.md"
    path.write_text(f"Before\n{BEGIN}old\n{END}After\n", encoding="utf-8")

    def text(results):
        write(tmp_path / "tune.json", results)
        assert write_page([str(tmp_path / "tune.json"), "--page", str(path)]) == 0
        return path.read_text(encoding="utf-8")

    return text


def test_the_page_says_what_was_counted_and_whether_it_is_enough(page):
    text = page(MEASURED | {"sides": {"ours": side(12, 21), "theirs": side(8, 14)}})
    assert text.startswith("Before\n")
    assert text.endswith("After\n")
    assert "old" not in text
    assert "| trials finished | 12 | 8 | 1.50 |" in text
    assert "| epochs trained, whole ones | 21 | 14 | 1.50 |" in text
    assert "| examples trained in these | 170,079 | 113,386 | 1.50 |" in text
    assert "| seconds an epoch, with all between | 85.7 | 128.6 | 0.67 |" in text
    assert "| best validation accuracy | 0.8765 | 0.8765 |  |" in text
    assert "8,099 examples, bfloat16, 30 minutes each, seed 0" in text
    assert "keras-hub 0.32.0, keras-tuner 1.4.8" in text
    assert "as many trials, and **reached** (1.50 ×)" in text
    assert "the 1 trials that both began anew, the first 1 have the same" in text
    text = page(MEASURED | {"sides": {"ours": side(11, 21), "theirs": side(8, 14)}})
    assert "**not reached** (1.38 ×)" in text


def test_the_page_divides_by_no_zero(page):
    text = page(MEASURED | {"sides": {"ours": side(1, 1), "theirs": side(0, 0)}})
    assert "| trials finished | 1 | 0 |  |" in text
    assert "| seconds an epoch, with all between | 1800.0 |  |  |" in text
    assert "theirs finished none, so there is no ratio" in text


def test_results_that_can_not_be_used_are_said(tmp_path, capsys):
    path = tmp_path / "tuning.md"
    path.write_text(f"{BEGIN}old\n{END}", encoding="utf-8")
    results = tmp_path / "tune.json"
    for content, message in [
        (None, "there is no '.*tune.json': `make bench-tune` makes it"),
        ('{"sides": {"ours": {}}}', "can't be used: it has no `theirs`: `make bench-"),
        ("{", "can't be used: Expecting property name"),
    ]:
        if content is not None:
            results.write_text(content, encoding="utf-8")
        with pytest.raises(SystemExit) as leaving:
            write_page([str(results), "--page", str(path)])
        assert leaving.value.code == 2
        assert re.search(message, capsys.readouterr().err)
        assert "old" in path.read_text(encoding="utf-8")


def test_the_page_in_docs_has_the_marks(project_dir):
    text = (project_dir / "docs" / "tuning.md").read_text(encoding="utf-8")
    results = text.split(BEGIN)[1].split(END)[0]
    assert NOT_MEASURED in results or "| trials finished |" in results

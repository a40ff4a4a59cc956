"""What `bert-cpu tune` refuses, each in one line, before any trial begins."""

import json

import pytest
import tiny_command
import tiny_run
from tiny_command import bert_cpu

from bert_cpu.search.role import read_role
from bert_cpu.search.sweep_directory import resumed_sweep
from bert_cpu.tune_settings import TuneSettings

SPACE = "learning_rate: {log: [1e-4, 1e-2]}\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tune")
    tiny_run.write_encoder(directory / "encoder", num_hidden_layers=2)
    tiny_run.write_reviews(directory / "reviews.csv", 40)
    return directory


@pytest.fixture
def tune(place, tmp_path):
    """Runs the command on the reviews; its directories are those of the test."""

    def run(*options, space=SPACE):
        path = tmp_path / "space.yaml"
        if space:
            path.write_text(space)
        return bert_cpu(
            "tune",
            *("--encoder", place / "encoder", "--max-length", 16, "--name", "mine"),
            *("--sweeps-dir", tmp_path / "sweeps", "--runs-dir", tmp_path / "runs"),
            *([] if "--data" in options else ["--data", place / "reviews.csv"]),
            *(["--space", path] if space else []),
            *options,
        )

    run.sweep = tmp_path / "sweeps" / "mine"
    run.runs = tmp_path / "runs"
    return run


@pytest.fixture
def begun(tune):
    """A sweep that was begun with these settings, and killed before its first trial."""
    settings = {
        "task": "classify",
        "encoder": "minilm",
        "objective": "accuracy",
        "algorithm": "random",
    }
    content = {
        "format": "bert_cpu.sweep",
        "version": 1,
        "settings": settings,
        "space": {"batch_size": [8, 16]},
    }
    tune.sweep.mkdir(parents=True)
    (tune.sweep / "sweep.json").write_text(json.dumps(content))
    return tune


def test_an_unknown_setting(tune, tmp_path):
    said = tune(space="learning_speed: [1, 2]").mistake
    assert said.startswith(
        f"--space '{tmp_path / 'space.yaml'}': The search space has 'learning_speed', "
        "which is no setting that can be searched. Choose among learning_rate, warmup, "
    )


def test_an_empty_range(tune, tmp_path):
    assert tune(space="warmup: {range: [0.2, 0.1]}").mistake == (
        f"--space '{tmp_path / 'space.yaml'}': The search space has an empty range for "
        "warmup, from 0.2 to 0.1. Give the lower end first, and another one behind it."
    )


def test_an_objective_that_no_trial_reports(tune):
    assert tune("--objective", "f2").mistake == (
        "--objective is f2, which no trial of --task classify reports. Choose among "
        "accuracy, macro_f1, loss."
    )
    assert not tune.sweep.exists()


def test_a_converted_model_reports_no_loss(tune):
    assert tune("--objective", "loss", "--max-size-mb", 5).mistake == (
        "--objective is loss, which no trial of --task classify reports under a limit. "
        "Choose among accuracy, macro_f1."
    )


@pytest.mark.parametrize("budget", ["soon", "30", "0m", "", "-5m", "1d", "5m1h"])
def test_a_budget_that_is_no_time(tune, budget):
    assert tune(f"--budget={budget}").mistake.startswith(
        f"--budget is '{budget}', but must be a time over 0, such as 30m, 1h30m or 90s."
    )


@pytest.mark.parametrize(
    "budget, seconds", [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2h5s", 7205)]
)
def test_a_budget_in_seconds(budget, seconds):
    assert TuneSettings(budget=budget).budget_seconds == seconds


def test_without_a_budget_it_is_half_an_hour_or_the_trials():
    assert TuneSettings().budget_seconds == 1800
    assert TuneSettings(trials=5).budget_seconds is None
    assert TuneSettings(trials=5, budget="1m").budget_seconds == 60


@pytest.mark.parametrize(
    "option, value, expected",
    [
        ("--trials", -1, "0 or more"),
        ("--workers", 0, "1 or more"),
        ("--epochs", 0, "1 or more"),
        ("--final-seeds", -1, "0 or more"),
        ("--max-latency-ms", 0.0, "over 0"),
        ("--max-size-mb", -2.0, "over 0"),
        ("--name", "a/b", "a file name without '/'"),
    ],
)
def test_a_number_out_of_its_range(tune, option, value, expected):
    said = tune(f"{option}={value}").mistake
    assert said.startswith(f"{option} is {value}, but must be {expected}")


def test_a_sweep_that_is_there_already(begun):
    assert begun().mistake == (
        f"'{begun.sweep}' is a sweep already. Go on with it by --resume, replace it by "
        "--overwrite, or choose another --name."
    )


def test_a_directory_of_another_sweep(begun):
    said = begun("--resume", "--algorithm", "bayesian", space=None).mistake
    # The encoder is the first that differs.
    assert said.startswith(f"'{begun.sweep}' is another sweep: its --encoder is minilm")
    assert said.endswith("Leave the option out, or choose another --name.")


def test_a_directory_of_a_sweep_with_another_space(begun, place):
    content = json.loads((begun.sweep / "sweep.json").read_text())
    content["settings"] = {"encoder": str(place / "encoder")}
    (begun.sweep / "sweep.json").write_text(json.dumps(content))
    assert begun("--resume").mistake == (
        f"'{begun.sweep}' is another sweep: it searches other settings or values. "
        "Leave --space out, or choose another --name."
    )


@pytest.mark.parametrize("option", ["--resume", "--overwrite"])
def test_a_directory_that_is_no_sweep_is_left_alone(tune, option):
    tune.sweep.mkdir(parents=True)
    (tune.sweep / "letters.txt").write_text("mine")
    assert tune(option).mistake == (
        f"'{tune.sweep}' is not a sweep (it has no sweep.json), so nothing is written "
        "there. Choose another --name."
    )
    assert (tune.sweep / "letters.txt").read_text() == "mine"


def test_nothing_to_go_on_with(tune):
    assert tune("--resume").mistake == (
        f"There is no sweep '{tune.sweep}' to go on with. Leave --resume out."
    )


def test_a_final_run_that_is_there_already(tune):
    (tune.runs / "mine-default-1").mkdir(parents=True)
    assert tune().mistake == (
        f"'{tune.runs / 'mine-default-1'}' exists, which the sweep would train at its "
        "end. Replace it by --overwrite, or choose another --name."
    )


def test_a_directory_that_is_no_run_is_left_alone(tune):
    (tune.runs / "mine-best-0").mkdir(parents=True)
    assert tune("--overwrite").mistake == (
        f"'{tune.runs / 'mine-best-0'}' is not a run (it has no config.json), so "
        "--overwrite does not delete it. Choose another --name."
    )
    assert (tune.runs / "mine-best-0").is_dir()


def test_epochs_and_hyperband(tune):
    assert tune(space="epochs: [1, 2]").mistake.startswith(
        "The search space has epochs, but hyperband chooses them itself"
    )


def test_more_layers_than_there_are(tune, place):
    assert tune(space="keep_layers: [1, 3]").mistake == (
        f"The search space has 3 for keep_layers, but '{place / 'encoder'}' has only 2 "
        "layers."
    )


def test_longer_texts_than_there_are_positions(tune, place):
    assert tune(space="max_length: [16, 400]").mistake == (
        f"--max-length is 400, but '{place / 'encoder'}' has only 40 positions. Ask "
        "for 40 or fewer."
    )


def test_prepared_data_can_have_one_length_only(tune, place):
    records = place / "records"
    if not records.exists():
        tiny_command.succeed(
            *("prepare", "--encoder", place / "encoder", "--max-length", 16),
            *("--data", place / "reviews.csv", "--output", records),
        )
    said = tune("--data", records, space="max_length: [8, 16]").mistake
    assert said == (
        f"The search space has max_length, but --data '{records}' is prepared already. "
        "Give the texts themselves, or leave it out of the space."
    )


def test_a_mistake_in_the_data_leaves_nothing(tune):
    said = tune("--label", "stars").mistake
    assert "has no column 'stars'" in said
    assert not tune.sweep.exists()


def test_a_mistake_in_the_data_leaves_the_sweep_that_it_would_replace(begun):
    before = (begun.sweep / "sweep.json").read_bytes()
    assert "stars" in begun("--overwrite", "--label", "stars").mistake
    assert (begun.sweep / "sweep.json").read_bytes() == before
    assert [path.name for path in begun.sweep.parent.iterdir()] == ["mine"]


def test_more_trials_at_once_than_cores(tune):
    said = tune("--workers", 10_000).mistake
    assert said.startswith("--workers is 10000, but this process may use only ")


CHIEF = {
    "KERASTUNER_TUNER_ID": "chief",
    "KERASTUNER_ORACLE_IP": "127.0.0.1",
    "KERASTUNER_ORACLE_PORT": "8000",
}


def test_keras_tuners_variables_say_who_is_who():
    assert read_role({}) == "alone"
    assert read_role({"KERASTUNER_TUNER_ID": "tuner3"}) == "alone"
    assert read_role(CHIEF) == "chief"
    assert read_role({**CHIEF, "KERASTUNER_TUNER_ID": "tuner0"}) == "worker"


@pytest.mark.parametrize("missing", CHIEF)
def test_half_of_keras_tuners_variables(tune, monkeypatch, missing):
    for name, value in CHIEF.items():
        monkeypatch.delenv(name, raising=False)
        if name != missing:
            monkeypatch.setenv(name, value)
    said = tune().mistake
    assert f"is set, but {missing} is not. Keras Tuner needs all of KERASTUNER_" in said


def test_a_port_that_is_none(tune, monkeypatch):
    for name, value in {**CHIEF, "KERASTUNER_ORACLE_PORT": "http"}.items():
        monkeypatch.setenv(name, value)
    assert tune().mistake == (
        "KERASTUNER_ORACLE_PORT is 'http', but must be a port from 1 to 65535."
    )


@pytest.mark.parametrize(
    ("task", "space", "message"),
    [
        ("tag", "pooling: [mean, cls]", "mean for pooling, which --task tag"),
        ("fill", "pooling: mean", "mean for pooling, which --task fill"),
        ("tag", "entity_marks: signs", "signs for entity_marks, which --task tag"),
        ("score", "label_smoothing: [0, 0.1]", "0.1 for label_smoothing, which --task"),
    ],
)
def test_a_setting_that_the_task_has_no_use_for(tune, task, space, message):
    said = tune("--task", task, space=SPACE + space).mistake
    assert said.startswith(f"The search space has {message}")
    assert not tune.sweep.exists()


@pytest.mark.parametrize(("task", "marks"), [("relate", "signs"), ("tag", "auto")])
def test_a_sweep_from_before_a_choice_goes_on_as_it_was(begun, tmp_path, task, marks):
    path = begun.sweep / "sweep.json"
    content = json.loads(path.read_text())
    content["settings"]["task"] = task
    path.write_text(json.dumps(content))
    given = TuneSettings(
        task=task, resume=True, name="mine", sweeps_dir=str(tmp_path / "sweeps")
    )
    settings, _ = resumed_sweep(given, None)
    assert settings.entity_marks == marks

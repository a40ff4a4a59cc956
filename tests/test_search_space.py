"""Which settings a sweep may search, how they are written, and what is refused."""

import keras_tuner
import numpy as np
import pytest
import yaml

from bert_cpu.errors import UserError
from bert_cpu.search.check_sweep import has_use
from bert_cpu.search.default_space import default_space
from bert_cpu.search.hyperparameters import to_hyperparameters, to_settings
from bert_cpu.search.read_space import read_space
from bert_cpu.search.space import SEARCHABLE, Choice, Range, SearchSpace
from bert_cpu.settings import TrainSettings
from bert_cpu.task_catalog import make_task
from bert_cpu.task_names import TASK_NAMES
from bert_cpu.tune_settings import TuneSettings

SPACE = """
learning_rate: {log: [1e-5, 2e-4]}
warmup: {range: [0, 0.2]}
batch_size: [16, 32]
epochs: {range: [2, 4]}
class_weights: [none, balanced]
normalize: [true, false]
ema: 0.99
"""


@pytest.fixture
def write(tmp_path):
    def write_space(text):
        path = tmp_path / "space.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_space


def sample(space, count=400):
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective("accuracy", "max"),
        hyperparameters=to_hyperparameters(space),
        seed=1,
    )
    return [to_settings(oracle._random_values()) for _ in range(count)]


def test_a_file_says_what_the_object_does(write):
    assert read_space(write(SPACE)) == SearchSpace(
        {
            "learning_rate": Range(1e-5, 2e-4, is_log=True),
            "warmup": Range(0, 0.2),
            "batch_size": Choice((16, 32)),
            "epochs": Range(2, 4),
            "class_weights": Choice(("none", "balanced")),
            "normalize": Choice((True, False)),
            "ema": Choice((0.99,)),
        }
    )


def test_what_a_space_says_of_itself_reads_back(write):
    space = read_space(write(SPACE))
    assert read_space(write(yaml.safe_dump(space.as_dict()))) == space


def test_what_is_tried_are_settings_of_the_space(write):
    space = read_space(write(SPACE))
    assert space.fixed == {"ema": 0.99}
    tried = sample(space)
    for values in tried:
        # Of the right types, and what training takes.
        settings = TrainSettings(**values)
        assert type(settings.batch_size) is int
        assert type(settings.warmup) is float
        assert type(settings.normalize) is bool
        assert "ema" not in values
    assert {values["epochs"] for values in tried} == {2, 3, 4}
    assert {values["class_weights"] for values in tried} == {"none", "balanced"}
    # Half of the log range is below its geometric mean; of a plain one 19 %.
    rates = np.array([values["learning_rate"] for values in tried])
    assert rates.min() >= 1e-5
    assert rates.max() <= 2e-4
    assert np.mean(rates < np.sqrt(1e-5 * 2e-4)) == pytest.approx(0.5, abs=0.08)
    warmups = np.array([values["warmup"] for values in tried])
    assert np.mean(warmups < 0.1) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("num_layers", [1, 2, 3, 6, 12])
@pytest.mark.parametrize("has_limits", [True, False])
def test_the_default_space_fits_any_encoder(num_layers, has_limits):
    space = default_space(num_layers, 128, has_limits, has_rungs=False)
    for values in sample(space, 30):
        settings = TrainSettings(**values)
        assert settings.freeze_layers <= num_layers / 2
        assert settings.keep_layers <= num_layers
    assert ("max_length" in space.dimensions) == has_limits
    rungs = default_space(num_layers, 128, has_limits, has_rungs=True)
    assert "epochs" not in rungs.dimensions


@pytest.mark.parametrize("task", TASK_NAMES)
def test_every_task_has_a_use_for_the_default_space(task):
    has_labels = has_use(TuneSettings(task=task), "label_smoothing", 0.1)
    space = default_space(6, 128, True, has_rungs=False, has_labels=has_labels)
    for values in sample(space, 30):
        make_task(TrainSettings(task=task, **values))


def test_every_searchable_name_is_a_setting():
    defaults = TrainSettings()
    assert all(hasattr(defaults, name) for name in SEARCHABLE)


@pytest.mark.parametrize(
    "text, message",
    [
        ("lr: [1, 2]", "The search space has 'lr', which is no setting that can be"),
        ("seed: [1, 2]", "'seed', which is no setting .* Choose among learning_rate, "),
        ("warmup: {range: [0.2, 0.1]}", "an empty range for warmup, from 0.2 to 0.1"),
        ("warmup: {range: [0.1, 0.1]}", "an empty range for warmup, from 0.1 to 0.1"),
        ("warmup: {log: [0, 0.1]}", "a log range for warmup from 0.* Begin above 0"),
        ("warmup: {range: [0, 1.5]}", "bad value: --warmup is 1.5, but must be a sha"),
        ("batch_size: []", "no value for batch_size. Give one or more"),
        ("batch_size: [16, 2.5]", "has 2.5 for batch_size, but .* whole numbers"),
        ("batch_size: [16, true]", "has True for batch_size, but .* whole numbers"),
        ("learning_rate: [fast]", "has 'fast' for learning_rate, but .* numbers"),
        ("learning_rate: [.inf, 1]", "has inf for learning_rate, but .* numbers"),
        ("normalize: [1, 0]", "has 1 for normalize, but its values are true or false"),
        ("class_weights: [1, 2]", "has 1 for class_weights, but its values are words"),
        ("class_weights: {range: [a, b]}", "a range for class_weights, which is no nu"),
        ("class_weights: [none, some]", "bad value: --class-weights is some"),
        ("dropout: [0.1, null]", "dropout has the value None, but must be {range"),
        ("dropout: {between: [0, 1]}", "dropout is {'between': .* must be {range"),
        ("dropout: {range: [0, 0.1, 0.2]}", r"dropout is .* must be {range"),
        ("epochs: 3", "no setting with more than one value, so there is nothing"),
        ("", "names no settings. Give a line for each"),
        ("- a\n- b", "names no settings. Give a line for each"),
        ("a: [1", r"is not YAML \(.*\)\. Mend it"),
    ],
)
def test_a_bad_space_is_one_clear_line(write, text, message):
    with pytest.raises(UserError, match=message) as refused:
        read_space(write(text))
    assert str(refused.value).startswith("--space '")
    assert "\n" not in str(refused.value)


def test_a_space_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UserError, match=r"can't be read \(No such file"):
        read_space(tmp_path / "none.yaml")


def test_no_code_of_a_file_is_run(write, tmp_path):
    text = f"a: !!python/object/apply:os.mkdir ['{tmp_path}/made']"
    with pytest.raises(UserError, match="is not YAML"):
        read_space(write(text))
    assert not (tmp_path / "made").exists()

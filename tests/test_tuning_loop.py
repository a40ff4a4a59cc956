"""The plain Keras Tuner loop of the race: it searches as ours does, and trains."""

import dataclasses
import math

import pytest

from bench.tuning import keras_loop as loop
from bench.tuning.keras_space import KerasValues, keras_space
from bench.tuning.read_trials import read_trials
from bert_cpu.search.default_space import default_space
from bert_cpu.search.oracle import make_oracle
from bert_cpu.tune_settings import TuneSettings


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

"""The loop: what it does in which step, when it stops, and what it keeps."""

import contextlib
import dataclasses
import functools
import os
import signal
import time

import bag_of_words
import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
import tiny_run

from bert_cpu.data.pipeline import training_batches
from bert_cpu.errors import Interrupted, UserError
from bert_cpu.training import loop
from bert_cpu.training.checkpoint import Checkpoints, Progress
from bert_cpu.training.class_weights import class_weights
from bert_cpu.training.history import History, read_history
from bert_cpu.training.loop import Trainee, train
from bert_cpu.training.schedule import WarmupLinearDecay
from bert_cpu.training.screen import Screen
from bert_cpu.training.stop import listening
from bert_cpu.training.strategy import Cluster
from bert_cpu.training.train import num_batches


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("loop")


@pytest.fixture(scope="module")
def manifest(directory):
    settings = tiny_run.tiny_settings(directory)
    return tiny_run.prepare(settings, directory / "records")


class At(Screen):
    """A screen that does something when a step is shown."""

    def __init__(self, step, action):
        super().__init__(quiet=True)
        self.step, self.action = step, action

    @contextlib.contextmanager
    def training(self, done, total):
        def show(step, epoch, loss, speed, total):
            if step == self.step:
                self.action()

        yield show


@functools.cache
def compile_once(accumulate, ema, dropout):
    """A model, its optimizer and step, and how all variables start."""
    ids = tf.TensorSpec([None, None], tf.int32)
    batch_spec = {
        "input_ids": ids,
        "token_type_ids": ids,
        "attention_mask": ids,
        "label": tf.TensorSpec([None], tf.int32),
        "index": tf.TensorSpec([None], tf.int64),
        "weight": tf.TensorSpec([None], tf.float32),
    }
    model = bag_of_words.build(dropout)
    optimizer = bag_of_words.AdamW(0.001, ema_momentum=ema, epsilon=1e-5)
    step, _ = bag_of_words.make_step(model, optimizer, accumulate, batch_spec)
    variables = [*model.variables, *optimizer.variables]
    return model, optimizer, step, [variable.numpy() for variable in variables]


def press(number):
    """Sends this process a signal, and returns when it was heard."""
    handler = signal.getsignal(number)
    os.kill(os.getpid(), number)
    for _ in range(5000):
        if signal.getsignal(number) is not handler:
            return
        time.sleep(0.001)


class Run:
    """A run of a model that costs nothing, judged by accuracies told beforehand.

    Runs share what is compiled, so only one of them can be under way.
    """

    def __init__(self, run_dir, manifest, accuracies=(), dropout=0.3, **changes):
        settings = tiny_run.tiny_settings(
            manifest.directory.parent, **{"learning_rate": 0.001} | changes
        )
        self.run_dir, self.manifest, self.settings = run_dir, manifest, settings
        run_dir.mkdir(exist_ok=True)
        self.model, self.optimizer, self.train_step, start = compile_once(
            settings.accumulate, settings.ema, dropout
        )
        self.variables = [*self.model.variables, *self.optimizer.variables]
        for variable, value in zip(self.variables, start, strict=True):
            variable.assign(value)
        self.optimizer.learning_rate = settings.learning_rate
        self.checkpoints = Checkpoints(
            run_dir / "checkpoints", self.variables, self.model.variables, "a" * 64
        )
        self.accuracies = list(accuracies)
        self.judged = []  # The weights that were judged, epoch by epoch.
        self.validation_loss = 0.7
        # It rules no optimizer: these runs have one rate, set by hand.
        self.schedule = WarmupLinearDecay(settings.learning_rate, 36, 0.0)

    def evaluate(self):
        self.judged.append(bag_of_words.weights_of(self.model))
        accuracy = self.accuracies.pop(0) if self.accuracies else 0.5
        return {"loss": self.validation_loss, "accuracy": accuracy, "macro_f1": 0.25}

    def train(self, progress=None, screen=None):
        if progress is None:
            progress = Progress()
            self.checkpoints.save(progress)
        history = History(self.run_dir, progress.step)
        manifest, settings = self.manifest, self.settings
        trainee = Trainee(
            self.model,
            self.optimizer,
            self.train_step,
            lambda epoch, skip: training_batches(
                manifest, settings.batch_size, settings.seed, epoch, skip
            ),
            lambda epoch: num_batches(manifest, settings),
            self.schedule,
            self.evaluate,
            ("accuracy", "macro_f1"),
        )
        try:
            with listening() as stop:
                return train(
                    trainee,
                    settings,
                    Cluster(),
                    progress,
                    self.checkpoints,
                    history,
                    screen or Screen(quiet=True),
                    stop,
                )
        finally:
            history.close()

    def history(self):
        """Its events, without what no two runs share."""
        events = read_history(self.run_dir)
        return [event | {"tokens_per_second": None} for event in events]

    def saved(self, pattern):
        (path,) = (self.run_dir / "checkpoints").glob(pattern)
        return list(safetensors.numpy.load_file(path).values())


def assert_same(weights, expected):
    assert weights.keys() == expected.keys()
    for path, value in expected.items():
        np.testing.assert_array_equal(weights[path], value, err_msg=path)


def test_history_has_every_tenth_step_and_every_epoch(tmp_path, manifest):
    progress = Run(tmp_path, manifest, [0.25, 0.75], learning_rate=0.01).train()
    events = read_history(tmp_path)
    assert [(e["kind"], e["step"], e["epoch"]) for e in events] == [
        ("step", 10, 1),
        ("epoch", 18, 1),
        ("step", 20, 2),
        ("step", 30, 2),
        ("epoch", 36, 2),
    ]
    assert set(events[0]) - {"kind", "step", "epoch"} == {
        "loss",
        "learning_rate",
        "tokens_per_second",
    }
    assert events[0]["learning_rate"] == pytest.approx(0.01)
    assert events[-1]["validation_accuracy"] == 0.75
    assert events[-1]["validation_loss"] == 0.7
    assert events[-1]["validation_macro_f1"] == 0.25
    split = manifest.splits["train"]
    assert progress.step == 36
    assert progress.examples == 2 * split.examples == 140
    assert progress.tokens == 2 * split.tokens
    assert progress.seconds > 0


def test_train_loss_of_an_epoch_is_the_mean_over_its_steps(tmp_path, manifest):
    run = Run(tmp_path, manifest)
    losses = []
    original = run.train_step

    def spy(*arguments):
        losses.append(original(*arguments))
        return losses[-1]

    run.train_step = spy
    run.train()
    assert len(losses) == 36
    values = [float(loss) for loss, _ in losses]
    found = [e["train_loss"] for e in run.history() if e["kind"] == "epoch"]
    assert found == pytest.approx(
        [np.mean(values[:18]), np.mean(values[18:])], rel=1e-6
    )


def test_training_learns(tmp_path, manifest):
    Run(tmp_path, manifest, epochs=6, learning_rate=0.03).train()
    epochs = [e for e in read_history(tmp_path) if e["kind"] == "epoch"]
    assert epochs[-1]["train_loss"] < epochs[0]["train_loss"] / 2


def test_early_stopping_waits_as_long_as_it_was_told(tmp_path, manifest):
    run = Run(tmp_path, manifest, [0.5, 0.7, 0.6, 0.7, 0.9], epochs=5, early_stopping=2)
    progress = run.train()
    # As good as the best is not better than it.
    assert (progress.epoch, progress.best_epoch, progress.best_score) == (4, 2, 0.7)


def test_a_better_epoch_starts_the_waiting_anew(tmp_path, manifest):
    accuracies = [0.5, 0.4, 0.6, 0.5, 0.7, 0.6, 0.6]
    run = Run(tmp_path, manifest, accuracies, epochs=9, early_stopping=2, batch_size=70)
    progress = run.train()
    assert (progress.epoch, progress.best_epoch) == (7, 5)


def test_a_run_that_had_stopped_early_trains_no_further(tmp_path, manifest):
    changes = {"epochs": 5, "early_stopping": 1, "batch_size": 70}
    Run(tmp_path, manifest, [0.7, 0.6], **changes).train()
    again = Run(tmp_path, manifest, [0.9, 0.9, 0.9], **changes)
    progress = again.train(again.checkpoints.restore())
    assert (progress.epoch, progress.best_epoch) == (2, 1)


def test_best_epoch_is_kept_and_not_the_last(tmp_path, manifest):
    run = Run(tmp_path, manifest, [0.5, 0.7, 0.6], epochs=3, batch_size=35)
    run.train()
    last = bag_of_words.weights_of(run.model)
    assert_same(last, run.judged[2])
    run.checkpoints.restore_best()
    best = bag_of_words.weights_of(run.model)
    assert_same(best, run.judged[1])
    assert all((best[path] != last[path]).any() for path in best)


def test_moving_average_is_judged_and_kept_and_the_model_gets_its_own_back(
    tmp_path, manifest
):
    run = Run(tmp_path, manifest, epochs=1, ema=0.9)
    run.train()
    own = bag_of_words.weights_of(run.model)
    averages = {
        path: average.numpy()
        for path, average in zip(
            own, run.optimizer._model_variables_moving_average, strict=True
        )
    }
    assert_same(run.judged[0], averages)
    assert all((own[path] != averages[path]).any() for path in own)
    run.checkpoints.restore_best()
    assert_same(bag_of_words.weights_of(run.model), averages)


def test_the_last_group_of_an_epoch_is_an_update_of_its_own(tmp_path, manifest):
    # 18 batches in groups of 4: four whole ones, and one of two.
    run = Run(tmp_path, manifest, epochs=2, accumulate=4)
    run.train()
    assert int(run.optimizer.iterations) == 2 * 5


def test_accumulated_run_equals_one_with_larger_batches(tmp_path, manifest):
    # All 70 in one update: 14 batches of 5, which the order does not change.
    weights = []
    for size, accumulate in ((5, 14), (70, 1)):
        # Dropout would draw other numbers for other batches.
        run = Run(
            tmp_path / str(size),
            manifest,
            dropout=0.0,
            batch_size=size,
            accumulate=accumulate,
        )
        run.train()
        assert int(run.optimizer.iterations) == 2
        weights.append(bag_of_words.weights_of(run.model))
    small, big = weights
    for path, expected in big.items():
        np.testing.assert_allclose(small[path], expected, atol=1e-6, err_msg=path)


@pytest.mark.parametrize("batch_size, steps", [(1, 70), (69, 2), (70, 1), (500, 1)])
def test_any_batch_size_sees_every_example_once(tmp_path, manifest, batch_size, steps):
    run = Run(tmp_path, manifest, epochs=1, batch_size=batch_size)
    assert num_batches(manifest, run.settings) == steps
    progress = run.train()
    assert (progress.step, progress.examples) == (steps, 70)


def poison(run):
    variable = run.model.get_layer("logits").kernel
    variable.assign(np.full(variable.shape, np.nan, "float32"))


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_last_state(tmp_path, manifest):
    run = Run(tmp_path, manifest, learning_rate=0.003)
    message = (
        r"became nan at step 24 \(epoch 2\).*checkpoints'.*--resume and a lower "
        r"--learning-rate than 0\.003"
    )
    with pytest.raises(UserError, match=message):
        run.train(screen=At(23, lambda: poison(run)))
    again = Run(tmp_path, manifest, learning_rate=0.001)
    progress = again.checkpoints.restore()
    assert progress.step == 18
    assert all(
        np.isfinite(variable.numpy()).all() for variable in again.model.variables
    )
    assert again.train(progress).step == 36


def test_an_absurd_learning_rate_ends_in_a_message(tmp_path, manifest):
    run = Run(tmp_path, manifest, learning_rate=1e38)
    with pytest.raises(UserError, match=r"The loss became (nan|inf) at step \d+"):
        run.train()


def test_weights_that_are_ruined_by_the_last_step_of_an_epoch_are_not_kept(
    tmp_path, manifest
):
    run = Run(tmp_path, manifest, epochs=1)
    run.validation_loss = float("nan")
    with pytest.raises(UserError, match=r"became nan .*step 18 \(epoch 1\)"):
        run.train()
    assert not (tmp_path / "checkpoints" / "best.safetensors").exists()
    assert run.checkpoints.restore().step == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_obeyed_after_the_step_and_the_state_is_saved(
    tmp_path, manifest, number
):
    run = Run(tmp_path, manifest)
    handler = signal.getsignal(number)
    with pytest.raises(
        Interrupted, match=r"after step 6, and saved\. Go on with --name tiny --resume"
    ):
        run.train(screen=At(5, lambda: press(number)))
    assert signal.getsignal(number) is handler
    assert run.checkpoints.restore().step == 6


def test_a_signal_within_an_update_waits_for_its_end(tmp_path, manifest):
    run = Run(tmp_path, manifest, accumulate=4)
    with pytest.raises(Interrupted, match="after step 8"):
        run.train(screen=At(5, lambda: press(signal.SIGTERM)))
    assert run.checkpoints.restore().step == 8


def test_a_second_ctrl_c_stops_at_once(tmp_path, manifest):
    run = Run(tmp_path, manifest)

    def press_twice():
        press(signal.SIGINT)
        press(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run.train(screen=At(5, press_twice))
    assert run.checkpoints.restore().step == 0


@pytest.fixture(scope="module")
def whole_run(directory, manifest):
    """Runs that were never stopped: progress, history, last state, best weights."""

    @functools.cache
    def train_whole(**changes):
        run = Run(
            directory / f"whole-{sorted(changes)}", manifest, [0.5, 0.6], **changes
        )
        progress = run.train()
        return progress, run.history(), run.saved("step-*"), run.saved("best*")

    return train_whole


# Within the first epoch, at its last step, and within the second.
@pytest.mark.parametrize(
    "step, changes",
    [
        (7, {}),
        (17, {}),
        (23, {}),
        (7, {"accumulate": 4}),
        (7, {"ema": 0.9}),
    ],
)
def test_a_run_that_goes_on_ends_as_if_it_had_never_stopped(
    tmp_path, manifest, whole_run, step, changes
):
    expected, history, state, best = whole_run(**changes)
    run = Run(tmp_path, manifest, [0.5, 0.6], **changes)
    with pytest.raises(Interrupted):
        run.train(screen=At(step, lambda: press(signal.SIGTERM)))
    run = Run(tmp_path, manifest, [0.5, 0.6][step > 18 :], **changes)
    for variable in run.variables:
        # In a new process nothing is as it was.
        variable.assign(np.full(variable.shape, 3, variable.dtype))
    progress = run.train(run.checkpoints.restore())
    progress.seconds = expected.seconds
    progress.other_seconds = expected.other_seconds
    assert progress == expected
    assert run.history() == history
    for found, value in zip(run.saved("step-*"), state, strict=True):
        np.testing.assert_array_equal(found, value)
    for found, value in zip(run.saved("best*"), best, strict=True):
        np.testing.assert_array_equal(found, value)


def test_a_state_is_saved_every_so_many_minutes(tmp_path, manifest):
    run = Run(tmp_path, manifest, checkpoint_minutes=0.0, epochs=1)
    steps = []
    save = run.checkpoints.save

    def spy(progress):
        steps.append(progress.step)
        save(progress)

    run.checkpoints.save = spy
    run.train()
    assert steps == [*range(19), 18]


def test_epochs_are_judged_by_the_first_metric_alone(tmp_path, manifest):
    # -1 is the lowest that a correlation can be, and still better than nothing.
    progress = Run(tmp_path, manifest, [-1.0, -1.0], batch_size=70).train()
    assert (progress.best_epoch, progress.best_score) == (1, -1.0)


class Clock:
    """Stands in for `time`: each look at it takes half a second."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 0.5
        return self.now

    def monotonic(self):
        return self.now


def test_a_run_stops_when_its_minutes_are_over(tmp_path, manifest, monkeypatch):
    monkeypatch.setattr(loop, "time", Clock())
    # 25 looks at the clock: 18 steps and a validation, then 6 more.
    run = Run(tmp_path, manifest, [0.5, 0.75], epochs=9, minutes=12.5 / 60)
    progress = run.train()
    assert (progress.step, progress.epoch) == (24, 2)
    # What was done of the last epoch was judged and kept.
    assert (progress.best_epoch, progress.best_score) == (2, 0.75)
    assert (progress.seconds, progress.other_seconds) == (12.0, 1.0)
    saved = run.checkpoints.restore()
    assert (saved.step, saved.epoch, saved.epoch_step) == (24, 2, 0)


def test_a_run_that_used_up_its_minutes_trains_no_further(
    tmp_path, manifest, monkeypatch
):
    monkeypatch.setattr(loop, "time", Clock())
    Run(tmp_path, manifest, minutes=4 / 60).train()
    again = Run(tmp_path, manifest, minutes=4 / 60)
    assert again.train(again.checkpoints.restore()).step == 8


@pytest.mark.parametrize("accumulate", [1, 4])
def test_the_rate_has_fallen_to_zero_when_the_minutes_are_over(
    tmp_path, manifest, monkeypatch, accumulate
):
    monkeypatch.setattr(loop, "time", Clock())
    changes = {"epochs": 900, "minutes": 50 / 60, "accumulate": accumulate}
    run = Run(tmp_path, manifest, **changes)
    run.schedule = WarmupLinearDecay(1.0, 900 * 18, 0.0)
    progress = run.train()
    # 100 looks at the clock, of which five are for validations before the end. An
    # update that was begun is finished.
    assert 95 <= progress.step < 95 + accumulate
    num_updates = int(run.optimizer.iterations)
    assert float(run.schedule(num_updates)) < 0.15
    assert float(run.schedule(num_updates // 2)) == pytest.approx(0.5, abs=0.1)


def test_balanced_classes_weigh_the_same_together(tmp_path):
    settings = tiny_run.tiny_settings(tmp_path)
    tiny_run.write_reviews(tmp_path / "train.csv", 70, num_negative=14)
    manifest = tiny_run.prepare(settings, tmp_path / "records")
    assert class_weights(manifest, "none") is None
    weights = class_weights(manifest, "balanced")
    # 70 / (2 labels * 14) and 70 / (2 * 56).
    np.testing.assert_allclose(weights, [2.5, 0.625])
    total = {0: 0.0, 1: 0.0}
    for batch in training_batches(manifest, 4, 0, 0, class_weights=weights):
        for label, weight in zip(
            batch["label"].numpy(), batch["weight"].numpy(), strict=True
        ):
            total[int(label)] += float(weight)
    assert total == {0: 35.0, 1: 35.0}


def test_weights_of_classes_are_refused_where_an_example_has_not_one(manifest):
    others = dataclasses.replace(manifest, task="embed", targets={})
    assert class_weights(others, "none") is None
    with pytest.raises(UserError, match=r"--class-weights .*--task embed has not one"):
        class_weights(others, "balanced")

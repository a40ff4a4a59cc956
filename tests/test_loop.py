"""The loop: what it does in which step, when it stops, and what it keeps."""

import dataclasses

import bag_of_words
import numpy as np
import pytest
import tiny_run
from loop_run import At, Run, assert_same

from bert_cpu.data.pipeline import training_batches
from bert_cpu.errors import UserError
from bert_cpu.training.assemble import num_batches
from bert_cpu.training.class_weights import class_weights
from bert_cpu.training.history import read_history


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    directory = tmp_path_factory.mktemp("loop")
    settings = tiny_run.tiny_settings(directory)
    return tiny_run.prepare(settings, directory / "records")


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
    assert progress.best_measured["accuracy"] == 0.7
    assert run.checkpoints.restore().best_measured == progress.best_measured


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
    assert not list((tmp_path / "checkpoints").glob("best-*"))
    assert run.checkpoints.restore().step == 0


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

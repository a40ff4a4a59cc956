"""history.jsonl: every event once, in order, whatever happened before."""

import json

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bert_cpu.training.history import History, read_history


def write_events(run_dir, steps, from_step=0):
    history = History(run_dir, from_step)
    for step in steps:
        history.write("step", step, epoch=1, loss=1 / step)
    history.close()


def test_events_are_read_as_they_were_written(tmp_path):
    history = History(tmp_path)
    history.write("step", 10, epoch=1, loss=0.1 + 0.2)
    history.write("epoch", 18, epoch=1, validation_accuracy=0.5)
    # On disk at once, not at the end: a report may be asked for meanwhile.
    found = read_history(tmp_path)
    history.close()
    assert found == [
        {"kind": "step", "step": 10, "epoch": 1, "loss": 0.1 + 0.2},
        {"kind": "epoch", "step": 18, "epoch": 1, "validation_accuracy": 0.5},
    ]


def test_events_after_the_checkpoint_are_dropped_when_a_run_goes_on(tmp_path):
    write_events(tmp_path, [10, 20, 30, 40])
    write_events(tmp_path, [30, 40, 50], from_step=25)
    assert [event["step"] for event in read_history(tmp_path)] == [10, 20, 30, 40, 50]


def test_an_event_at_the_checkpoint_is_kept(tmp_path):
    write_events(tmp_path, [10, 20, 30])
    write_events(tmp_path, [30], from_step=20)
    assert [event["step"] for event in read_history(tmp_path)] == [10, 20, 30]


def test_a_run_that_starts_over_has_no_events_of_before(tmp_path):
    write_events(tmp_path, [10, 20])
    write_events(tmp_path, [10])
    assert [event["step"] for event in read_history(tmp_path)] == [10]


@pytest.mark.parametrize("cut", ['{"kind": "step", "st', "{", "\x00\x00"])
def test_a_last_line_that_was_cut_off_is_left_out(tmp_path, cut):
    write_events(tmp_path, [10, 20])
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write(cut)
    assert [event["step"] for event in read_history(tmp_path)] == [10, 20]
    write_events(tmp_path, [30], from_step=20)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 20, 30]


def test_a_run_without_a_history_has_no_events(tmp_path):
    assert read_history(tmp_path) == []


def test_tensorboard_shows_the_same_numbers(tmp_path):
    write_events(tmp_path, [10, 20])
    events = EventAccumulator(str(tmp_path / "tensorboard"), {"tensors": 0})
    events.Reload()
    assert events.Tags()["tensors"] == ["loss"]
    found = [
        (event.step, float(tf.make_ndarray(event.tensor_proto)))
        for event in events.Tensors("loss")
    ]
    assert found == [(10, pytest.approx(0.1)), (20, pytest.approx(0.05))]

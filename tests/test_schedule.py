"""The learning rate at every update of a run."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bert_cpu.training.schedule import WarmupLinearDecay


def rates(peak, num_updates, warmup):
    schedule = WarmupLinearDecay(peak, num_updates, warmup)
    return [float(schedule(step)) for step in range(num_updates)]


def test_rate_climbs_in_even_steps_to_the_peak_and_falls_in_even_steps():
    # 4 of 10 updates climb; from the peak it would be 0 at update number 11.
    expected = [0.25, 0.5, 0.75, 1, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7]
    np.testing.assert_allclose(rates(2.0, 10, 0.4), 2 * np.array(expected), rtol=1e-6)


def test_without_warmup_the_rate_only_falls():
    np.testing.assert_allclose(rates(1.0, 4, 0.0), [0.8, 0.6, 0.4, 0.2], rtol=1e-6)


@pytest.mark.parametrize("num_updates", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5, 0.99])
def test_no_update_is_wasted_at_a_rate_of_zero(num_updates, warmup):
    found = rates(3e-5, num_updates, warmup)
    assert all(0 < rate <= 3e-5 * (1 + 1e-6) for rate in found)


def test_rate_after_the_last_update_is_zero_and_not_negative():
    schedule = WarmupLinearDecay(1.0, 10, 0.1)
    assert [float(schedule(step)) for step in (10, 11, 500)] == [0, 0, 0]


def test_schedule_survives_being_saved_by_keras():
    schedule = WarmupLinearDecay(0.01, 7, 0.3)
    saved = keras.optimizers.schedules.serialize(schedule)
    again = keras.optimizers.schedules.deserialize(saved)
    assert [float(again(step)) for step in range(7)] == rates(0.01, 7, 0.3)


def test_a_schedule_that_expects_another_number_of_updates_is_as_if_made_for_it():
    schedule = WarmupLinearDecay(0.01, 7, 0.3)
    schedule.expect(20)
    assert [float(schedule(step)) for step in range(20)] == rates(0.01, 20, 0.3)
    saved = keras.optimizers.schedules.serialize(schedule)
    assert saved["config"]["num_updates"] == 20


def test_a_compiled_step_hears_what_a_schedule_expects():
    schedule = WarmupLinearDecay(1.0, 4, 0.0)
    compiled = tf.function(lambda: schedule(3))
    assert float(compiled()) == pytest.approx(0.2)
    schedule.expect(9)
    assert float(compiled()) == pytest.approx(0.6)

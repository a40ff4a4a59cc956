"""A run goes on with another number of workers than it began with, in mid-epoch."""

import dataclasses

import numpy as np
import pytest
import tiny_run
from safetensors.numpy import load_file
from warm import Warm

from bert_cpu.data.manifest import load_manifest
from bert_cpu.data.pipeline import training_batches
from bert_cpu.training.history import read_history
from bert_cpu.training.run_directory import start_run


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("changed")


@pytest.fixture(scope="module")
def settings(directory):
    """Of a run on 71 reviews: batches of 6, the last of which has 5."""
    settings = tiny_run.tiny_settings(directory, batch_size=6)
    tiny_run.write_reviews(directory / "train.csv", 71)
    tiny_run.prepare(settings, directory / "records")
    return dataclasses.replace(settings, data=str(directory / "records"), epochs=3)


@pytest.fixture(scope="module")
def manifest(settings, directory):
    return load_manifest(directory / "records")


@pytest.mark.parametrize("before, after, done", [(1, 2, 7), (2, 1, 1), (3, 2, 11)])
def test_every_example_is_seen_once_in_an_epoch_that_others_finish(
    manifest, before, after, done
):
    seen = []
    for worker in range(before):
        batches = training_batches(
            manifest, 6, seed=4, epoch=2, worker=worker, num_workers=before
        )
        seen += [index for batch in batches.take(done) for index in examples_of(batch)]
    for worker in range(after):
        batches = training_batches(
            manifest, 6, 4, 2, skip=done, worker=worker, num_workers=after
        )
        seen += [index for batch in batches for index in examples_of(batch)]
    assert sorted(seen) == list(range(71))


def examples_of(batch):
    """Those that count: the others only fill up a batch."""
    return batch["index"].numpy()[batch["weight"].numpy() > 0].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("before, after", [(1, 2), (2, 1)])
def test_the_other_workers_end_as_those_that_began_would_have(
    settings, directory, before, after
):
    # Without dropout, whose masks are drawn for each worker. A rate at which Adam
    # makes nothing of what is only rounded otherwise.
    begun = dataclasses.replace(
        settings,
        dropout=0.0,
        learning_rate=1e-4,
        ema=0.9,
        workers=before,
        checkpoint_minutes=0.0,
    )
    whole = start_run(dataclasses.replace(begun, name=f"whole-{before}"))
    changed = start_run(dataclasses.replace(begun, name=f"changed-{before}"))
    with Warm(directory) as warm:
        assert set(warm.run(whole.run_dir, [None] * before)) == {0}
        # All but the chief live on until they learn of it.
        kills = [(17, 0.0), *[None] * (before - 1)]
        assert warm.run(changed.run_dir, kills)[0] == -9
        again = start_run(dataclasses.replace(changed, resume=True, workers=after))
        assert set(warm.run(again.run_dir, [None] * after)) == {0}
    expected, found = map(last_state, (whole.run_dir, changed.run_dir))
    assert found.keys() == expected.keys()
    start = load_file(next((directory / "encoder").glob("*.safetensors")))
    moved = max(
        np.abs(tensor - start[name]).max()
        for name, tensor in bundle_of(whole.run_dir).items()
        if name in start and start[name].shape == tensor.shape
    )
    for key, value in expected.items():
        # Two halves of a sum are rounded otherwise than the whole.
        np.testing.assert_allclose(
            found[key], value, rtol=0, atol=moved / 100, err_msg=key
        )
    steps = [(event["kind"], event["step"]) for event in read_history(whole.run_dir)]
    assert steps == [(e["kind"], e["step"]) for e in read_history(changed.run_dir)]


def last_state(run_dir):
    path = max((run_dir / "checkpoints").glob("step-*.safetensors"))
    assert path.name == "step-00000036.safetensors"
    return load_file(path)


def bundle_of(run_dir):
    return load_file(run_dir / "bundle" / "model.safetensors")

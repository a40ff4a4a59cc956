"""A run's directory: never overwritten unasked, and gone on with as it was."""

import dataclasses
import json

import pytest

from bert_cpu.errors import UserError
from bert_cpu.settings import TrainSettings
from bert_cpu.stored_settings import load_settings
from bert_cpu.training.run_directory import find_run, start_run


@pytest.fixture
def settings(tmp_path):
    return TrainSettings(
        data="a.csv", name="mine", runs_dir=str(tmp_path / "runs"), learning_rate=0.01
    )


def write_checkpoint(settings):
    directory = settings.run_dir / "checkpoints"
    directory.mkdir()
    (directory / "step-00000000.json").write_text('{"version": 1}')


def test_a_new_run_keeps_every_setting(settings):
    assert start_run(settings) == settings
    saved = json.loads((settings.run_dir / "config.json").read_text())
    assert saved == {"command": "train"} | dataclasses.asdict(settings)
    assert load_settings(settings.run_dir / "config.json") == settings


def test_a_run_that_is_there_is_not_touched_unasked(settings):
    start_run(settings)
    before = (settings.run_dir / "config.json").read_text()
    with pytest.raises(UserError, match=r"exists\. .*--resume.*--overwrite.*--name"):
        start_run(dataclasses.replace(settings, epochs=9))
    assert (settings.run_dir / "config.json").read_text() == before


def test_overwrite_leaves_nothing_of_the_run_before(settings):
    start_run(settings)
    write_checkpoint(settings)
    (settings.run_dir / "history.jsonl").write_text("{}")
    start_run(dataclasses.replace(settings, overwrite=True))
    assert [path.name for path in settings.run_dir.iterdir()] == ["config.json"]


def test_overwrite_deletes_no_directory_that_is_not_a_run(settings):
    settings.run_dir.mkdir(parents=True)
    (settings.run_dir / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match=r"is not a run .*does not delete it"):
        start_run(dataclasses.replace(settings, overwrite=True))
    assert (settings.run_dir / "thesis.txt").read_text() == "years of work"


def test_resume_brings_back_the_settings_of_the_start(settings):
    start_run(dataclasses.replace(settings, epochs=7, seed=3))
    write_checkpoint(settings)
    given = TrainSettings(name="mine", runs_dir=settings.runs_dir, resume=True)
    found = start_run(given)
    assert found == dataclasses.replace(settings, epochs=7, seed=3, resume=True)
    assert load_settings(settings.run_dir / "config.json") == found


def test_resume_after_overwrite_is_no_contradiction(settings):
    start_run(dataclasses.replace(settings, overwrite=True))
    write_checkpoint(settings)
    given = TrainSettings(name="mine", runs_dir=settings.runs_dir, resume=True)
    assert not start_run(given).overwrite


def test_what_is_given_anew_with_resume_counts(settings):
    start_run(settings)
    write_checkpoint(settings)
    found = start_run(
        TrainSettings(
            name="mine",
            runs_dir=settings.runs_dir,
            resume=True,
            learning_rate=0.001,
            epochs=5,
        )
    )
    assert (found.learning_rate, found.epochs, found.data) == (0.001, 5, "a.csv")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"data": "b.csv"}, r"--data is b\.csv, but '.*mine' was started with a\.csv"),
        ({"max_length": 64}, "--max-length is 64, but .* started with 128"),
        ({"batch_size": 8}, "--batch-size is 8, but .* started with 32"),
        ({"freeze_layers": 1}, "--freeze-layers is 1, but .* started with 0"),
        ({"keep_layers": 1}, "--keep-layers is 1, but .* started with 0"),
    ],
)
def test_resume_with_changed_data_or_another_state_is_refused(
    settings, changes, message
):
    start_run(settings)
    write_checkpoint(settings)
    before = (settings.run_dir / "config.json").read_text()
    with pytest.raises(UserError, match=message + ".*Leave it out.*--overwrite"):
        start_run(dataclasses.replace(settings, resume=True, **changes))
    assert (settings.run_dir / "config.json").read_text() == before


def test_resume_without_a_run_names_the_runs_that_are_there(settings):
    with pytest.raises(UserError, match=r"no run '.*mine'\. Train one with"):
        start_run(dataclasses.replace(settings, resume=True))
    for name in ("second", "first"):
        start_run(dataclasses.replace(settings, name=name))
    with pytest.raises(UserError, match=r"There are: first, second\. .*--name mine"):
        start_run(dataclasses.replace(settings, resume=True))
    assert not settings.run_dir.exists()


def test_resume_without_a_checkpoint_says_so(settings):
    start_run(settings)
    with pytest.raises(UserError, match=r"no checkpoint to go on from.*--overwrite"):
        start_run(dataclasses.replace(settings, resume=True))


def test_a_run_is_found_by_its_name(settings):
    start_run(settings)
    assert find_run(settings.runs_dir, "mine") == settings.run_dir

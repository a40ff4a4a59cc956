"""A run's directory: never overwritten unasked, and gone on with as it was."""

import dataclasses
import json

import pytest

from bert_cpu import cli
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


def typed_after(settings, *words):
    """What the command line means that goes on with a run."""
    where = ("--name", settings.name, "--runs-dir", settings.runs_dir)
    command = cli._parse(["train", "--resume", *where, *words])
    fields = dataclasses.fields(TrainSettings)
    return TrainSettings(**{f.name: getattr(command, f.name) for f in fields})


def begin(settings, **changes):
    start_run(dataclasses.replace(settings, **changes))
    write_checkpoint(settings)


def test_resume_brings_back_the_settings_of_the_start(settings):
    begin(settings, epochs=7, seed=3, normalize=True)
    found = start_run(typed_after(settings))
    assert found == dataclasses.replace(
        settings, epochs=7, seed=3, normalize=True, resume=True
    )
    assert load_settings(settings.run_dir / "config.json") == found


def test_resume_after_overwrite_is_no_contradiction(settings):
    begin(settings, overwrite=True)
    assert not start_run(typed_after(settings)).overwrite


@pytest.mark.parametrize(
    "words, changes",
    [
        (("--learning-rate", "0.001", "--epochs", "5"), {"epochs": 5}),
        # The usual ones, which count as much as others if they are typed.
        (("--learning_rate=5e-5",), {"learning_rate": 5e-5}),
        (("--workers", "1"), {"workers": 1}),
        # On a machine of the same kind, what the machine allows.
        (("--workers=0",), {"workers": 0}),
        (("--epochs", "3", "--keep-checkpoints", "2"), {"epochs": 3}),
        # It is of another cluster, or of none.
        (
            ("--cluster", "a:1,b:1", "--index", "0"),
            {"workers": 0, "cluster": "a:1,b:1"},
        ),
        # 12 is no multiple of it, which the usual batch of 32 is.
        (("--workers", "3"), {"workers": 3}),
        # The whole command of the start again, with --resume.
        (("--normalize", "--max-length", "99"), {"max_length": 99}),
    ],
)
def test_what_is_typed_with_resume_counts(settings, words, changes):
    begin(
        settings,
        workers=2,
        epochs=9,
        keep_checkpoints=4,
        batch_size=12,
        normalize=True,
        max_length=99,
    )
    found = start_run(typed_after(settings, *words))
    expected = {"data": "a.csv", "batch_size": 12, "normalize": True} | changes
    for name, value in expected.items():
        assert getattr(found, name) == value, name
    if "workers" not in changes:
        assert found.workers == 2


def test_a_cluster_in_the_surroundings_has_workers_of_its_own(settings, monkeypatch):
    begin(settings, workers=2)
    cluster = {"worker": ["127.0.0.1:5001", "127.0.0.1:5002"]}
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert start_run(typed_after(settings)).workers == 0


@pytest.mark.parametrize(
    "words, message",
    [
        (("--batch-size", "32"), "--batch-size is 32, but .* started with 8"),
        (("--no-normalize",), "--normalize is False, but .* started with True"),
        (("--data", "tfds:movie_reviews"), "--data is tfds:movie_reviews, but "),
    ],
)
def test_the_usual_value_is_refused_where_another_can_not_be_changed(
    settings, words, message
):
    begin(settings, batch_size=8, normalize=True)
    with pytest.raises(UserError, match=message):
        start_run(typed_after(settings, *words))


def test_a_run_that_was_moved_is_gone_on_with_where_it_is(settings, tmp_path):
    begin(settings, epochs=7)
    moved = settings.run_dir.rename(tmp_path / "moved")
    settings = dataclasses.replace(settings, name="moved", runs_dir=str(tmp_path))
    found = start_run(typed_after(settings))
    assert (found.run_dir, found.epochs) == (moved, 7)


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

"""Each task is found by the name that it has."""

import dataclasses
from typing import get_args, get_type_hints

import pytest

from bert_cpu import tasks
from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings, TrainSettings
from bert_cpu.task_catalog import make_task, option_names, restore_task, task_class
from bert_cpu.task_names import TASK_NAMES


def test_the_command_line_offers_the_tasks_that_there_are():
    offered = get_args(get_type_hints(PrepareSettings)["task"])
    assert offered == TASK_NAMES
    assert {"classify", "tag", "fill"} <= set(offered)
    assert not {"parts", "pooling", "__init__"} & set(offered)


@pytest.mark.parametrize("name", TASK_NAMES)
def test_a_task_has_the_name_that_finds_it(name):
    assert task_class(name).name == name
    assert type(restore_task(name, {})) is task_class(name)


def test_a_task_gets_its_options_back():
    assert restore_task("embed", {"pooling": "cls"}).pooling == "cls"


def test_each_option_of_a_task_can_be_given():
    offered = {field.name for field in dataclasses.fields(TrainSettings)}
    for name in TASK_NAMES:
        kind = task_class(name)
        assert set(kind.options) <= offered & option_names()
        assert set(kind.reading_options) <= set(kind.options)


@pytest.mark.parametrize(
    ("option", "value", "task"),
    [("pooling", "mean", "tag"), ("entity_marks", "signs", "classify")],
)
def test_an_option_of_other_tasks_is_refused(option, value, task):
    flag = "--" + option.replace("_", "-")
    message = f"^{flag} is {value}, but --task {task} has no such choice. Leave "
    with pytest.raises(UserError, match=message):
        make_task(TrainSettings(task=task, **{option: value}))
    assert make_task(TrainSettings(task=task, **{option: "auto"})).name == task


def test_an_unknown_task_is_none():
    assert restore_task("translate", {}) is None
    assert restore_task("parts.pooling", {}) is None


def test_a_file_without_a_task_of_its_name_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "sentiment.py"
    path.write_text("from bert_cpu.tasks.classify import Classify\n")
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    message = f"^'{path}' has no subclass of Task whose name is 'sentiment'. Give it"
    with pytest.raises(UserError, match=message):
        task_class("sentiment")

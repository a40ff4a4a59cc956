"""Each task is found by the name that it has."""

import dataclasses
from typing import get_args

import pytest

from bert_cpu.errors import UserError
from bert_cpu.settings import TaskName, TrainSettings
from bert_cpu.tasks.catalog import (
    OPTIONS,
    TASKS,
    make_task,
    restore_task,
    task_class,
)


def test_the_command_line_offers_the_tasks_that_there_are():
    assert get_args(TaskName) == tuple(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_the_name_that_finds_it(name):
    assert task_class(name).name == name
    assert type(restore_task(name, {})) is task_class(name)


def test_a_task_gets_its_options_back():
    assert restore_task("embed", {"pooling": "cls"}).pooling == "cls"


def test_each_option_of_a_task_can_be_given():
    offered = {field.name for field in dataclasses.fields(TrainSettings)}
    for name in TASKS:
        kind = task_class(name)
        assert set(kind.options) <= offered & set(OPTIONS)
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

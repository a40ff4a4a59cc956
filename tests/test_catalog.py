"""Each task is found by the name that it has."""

from typing import get_args

import pytest

from bert_cpu.settings import TaskName
from bert_cpu.tasks.catalog import TASKS, restore_task, task_class


def test_the_command_line_offers_the_tasks_that_there_are():
    assert get_args(TaskName) == tuple(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_the_name_that_finds_it(name):
    assert task_class(name).name == name
    assert type(restore_task(name, {})) is task_class(name)


def test_a_task_gets_its_options_back():
    assert restore_task("embed", {"pooling": "cls"}).pooling == "cls"


def test_an_unknown_task_is_none():
    assert restore_task("translate", {}) is None

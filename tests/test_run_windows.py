"""Each window of a text is run, and its outputs lose their padding."""

import types

import numpy as np

from bert_cpu.runtime.run_windows import run_windows
from bert_cpu.task import Task
from bert_cpu.text.windows import Reading


class FakeInterpreter:
    """Its outputs tell what they are of, with a row for each token of padding."""

    def run_ids(self, input_ids, token_type_ids):
        rows = np.zeros((8, 2), np.float32)
        rows[: len(input_ids), 0] = input_ids
        rows[: len(input_ids), 1] = token_type_ids
        return {"rows": rows, "sum": np.float32([np.sum(input_ids)])}


class EveryToken(Task):
    per_token = frozenset({"rows"})


def window(ids, type_ids):
    return types.SimpleNamespace(ids=ids, type_ids=type_ids)


def test_every_window_is_run_and_what_has_a_row_a_token_loses_its_padding():
    reading = Reading([window([2, 5, 3], [0, 0, 0]), window([2, 3], [0, 1])], False)
    first, second = run_windows(FakeInterpreter(), EveryToken(), reading)
    assert first["rows"].tolist() == [[2, 0], [5, 0], [3, 0]]
    assert second["rows"].tolist() == [[2, 0], [3, 1]]
    assert (first["sum"], second["sum"]) == ([10], [5])


def test_a_text_that_is_read_by_itself_is_run_by_itself():
    reading = Reading([window([2, 3], [0, 0])], False, window([2, 7, 3], [0, 0, 0]))
    (outputs,) = run_windows(FakeInterpreter(), Task(), reading)
    assert (outputs["sum"], outputs["pair_sum"]) == ([5], [12])

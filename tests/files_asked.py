"""What `predict --file` is asked: files, and models of any task to answer them."""

import functools
import json

import tiny_command
from tiny_task_model import write_task_model

PAIRS = ("answer", "embed")
MARKED = "<e1>Ann</e1> saw <e2>Rome</e2>."
TURNED = "<e2>Bob</e2> is in <e1>Oslo</e1>."
PLACES = {"text": "Ann saw Rome.", "e1": [0, 3], "e2": [8, 12]}
TURNED_PLACES = {"text": "Bob is in Oslo.", "e2": [0, 3], "e1": [10, 14]}
QUESTIONS = [("Who?", "Ann saw Rome."), ("Where?", "Bob is in Oslo.")]


def models_in(directory):
    """Task -> the directory of a converted model, made once below this one."""

    @functools.cache
    def model_of(task):
        return write_task_model(directory / task, task, text_pair=task in PAIRS)

    return model_of


def predict_in(here, model_of):
    """What `predict --json` says of a file with this content, or of `words`.

    Args:
        here: the directory to stand in, where the files are written.
        model_of: of `models_in`.
    """

    def predict(task, *words, **files):
        for name, content in files.items():
            (here / name.replace("_", ".")).write_text(content, encoding="utf-8")
            words = ("--file", name.replace("_", "."), *words)
        outcome = tiny_command.bert_cpu("predict", model_of(task), "--json", *words)
        assert (outcome.code, outcome.err) == (0, ""), outcome
        return [json.loads(line) for line in outcome.out.splitlines()]

    return predict


def jsonl(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

"""The commands that are printed to be pasted do what they say."""

import dataclasses
import pathlib
import shlex

import numpy as np
import pytest
import tiny_tasks
from tiny_command import bert_cpu, write_alphabet_encoder

from bert_cpu.example import Example
from bert_cpu.export.first_question import first_question
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.parse_arguments import parse_arguments
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.quick_subcommands import Predict
from bert_cpu.report.next_steps import next_steps
from bert_cpu.settings import TrainSettings
from bert_cpu.storage import write_json
from bert_cpu.stored_settings import save_settings
from bert_cpu.subcommands import Pretrain, Train
from bert_cpu.task_catalog import make_task
from bert_cpu.task_names import TASK_NAMES
from bert_cpu.text.rows import read_rows
from bert_cpu.text.windows import WindowReader

LABELS = ("O", "B-A", "I-A")
# The outputs of a window of `length` tokens, for tasks with others than logits a label.
SHAPES = {
    "score": lambda length, num_words: (),
    "tag": lambda length, num_words: (length, len(LABELS)),
    "answer": lambda length, num_words: (length, 2),
    "fill": lambda length, num_words: (8, num_words),
}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    directory = tmp_path_factory.mktemp("encoder") / "tiny"
    characters = tiny_tasks.CHARACTERS["english"] + "[]"
    return load_tokenizer(write_alphabet_encoder(directory, characters))


def begin(settings):
    settings.run_dir.mkdir(parents=True)
    save_settings(settings, settings.run_dir / "config.json")
    return settings.run_dir


def ask(task, tokenizer, text, text_pair):
    """What the task says to it, by outputs that are random."""
    backend = tokenizer.backend_tokenizer
    stand_ins = task.stand_ins(backend)
    reader = WindowReader(
        backend, 64, task.too_long, 4, task.reads_apart, stand_ins=stand_ins
    )
    (reading,) = reader([(text, text_pair)])
    labels = task.answer_labels(LABELS, backend)
    shape = SHAPES.get(task.name, lambda length, num_words: (len(LABELS),))
    random = np.random.default_rng(0)
    outputs = [
        dict.fromkeys(
            ("logits", "score", "vector", "pair_vector"),
            np.array(random.normal(size=shape(len(window), len(tokenizer)))),
        )
        for window in reading.windows
    ]
    return task.answer(
        Example(text, text_pair, None, ""), reading.windows, outputs, labels
    )


def test_there_is_a_case_of_every_task():
    of_cases = {case.task for case in tiny_tasks.CASES.values()}
    assert of_cases | {"classify"} == set(TASK_NAMES)


@pytest.mark.parametrize("name", tiny_tasks.CASES)
def test_a_converted_model_is_asked_what_its_task_answers(
    tmp_path, monkeypatch, tokenizer, name
):
    monkeypatch.chdir(tmp_path)
    case = tiny_tasks.CASES[name]
    options = map(str, case.write_files(tmp_path / "files"))
    train = parse_arguments(
        ["train", "--task", case.task, "--name", "my run", *options]
    )
    names = [field.name for field in dataclasses.fields(TrainSettings)]
    settings = TrainSettings(**{each: getattr(train, each) for each in names})
    task = make_task(settings)
    example = task.read(next(read_rows(settings.data, task.formats)), settings)
    is_pair = example.text_pair is not None

    run_dir = begin(settings)
    write_json(run_dir / "metrics.json", {"task": case.task})
    (run_dir / "tflite").mkdir()
    asked = {"ask": first_question(task, is_pair)}
    write_json(run_dir / "tflite" / "report.json", asked)
    commands = [command for command, _ in next_steps(run_dir)]
    program, *words = shlex.split(commands[0])
    typed = parse_arguments(words)
    assert (program, type(typed)) == ("bert-cpu", Predict)
    assert (typed.model, len(typed.texts)) == ("runs/my run", 1)
    needs_pair = is_pair and case.task != "embed"
    assert (typed.pair is not None) == needs_pair
    answer = ask(task, tokenizer, typed.texts[0], typed.pair)
    assert answer.text == typed.texts[0]
    assert answer.columns()

    by_line, _, file = commands[1].rpartition(" < ")
    typed = parse_arguments(shlex.split(by_line)[1:])
    assert (file, typed.texts, typed.json) == ("texts.txt", (), True)
    assert (typed.text_pair is not None) == needs_pair


@pytest.mark.parametrize("runs_dir", ["runs", "else where"])
@pytest.mark.parametrize(
    "settings, kind", [(TrainSettings, Train), (PretrainSettings, Pretrain)]
)
def test_an_unfinished_run_goes_on_by_the_command_that_began_it(
    tmp_path, monkeypatch, settings, kind, runs_dir
):
    monkeypatch.chdir(tmp_path)
    run_dir = begin(settings(name="my run", runs_dir=runs_dir, seed=3))
    command = next_steps(run_dir)[0][0]
    typed = parse_arguments(shlex.split(command)[1:])
    assert type(typed) is kind
    # The seed is from the run: it was found.
    assert (typed.run_dir, typed.resume, typed.seed) == (run_dir, True, 3)
    where = ("--runs-dir", runs_dir, "--name", "my run")
    for asked in ("evaluate", "export"):
        assert bert_cpu(asked, *where).mistake == (
            f"'{pathlib.Path(runs_dir, 'my run')}' has no trained model yet. Finish it "
            f"with `{command}`."
        )

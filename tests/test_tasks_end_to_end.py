"""Every task by its commands, from a file to answers without TensorFlow."""

import dataclasses
import functools
import itertools
import json
import math
import os
import shlex
import subprocess
import sys

import pytest
import tiny_command
import tiny_tasks
from tiny_command import CommandRun, succeed

from bert_cpu.training.run_directory import find_run
from bert_cpu.training.trained import find_bundle, load_run_records, open_trained

FAST = "tag, CoNLL"
TASKS = [
    name if name == FAST else pytest.param(name, marks=pytest.mark.slow)
    for name in tiny_tasks.CASES
]
QUICK = (
    *("--epochs", 6, "--batch-size", 8, "--learning-rate", 5e-3, "--ema", 0),
    *("--threads", 1, "--dtype", "float32"),
)
# Answers come from a process in which these can't be imported.
HEAVY = ("tensorflow", "keras", "transformers", "sklearn", "seqeval", "h5py")


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """Language -> a checkpoint of two blocks that reads its characters."""
    return tiny_tasks.write_encoders(tmp_path_factory.mktemp("encoders"), num_layers=2)


@pytest.fixture(scope="session")
def run_of(encoders, tmp_path_factory):
    """Name of a case -> its run, trained and exported once."""
    directory = tmp_path_factory.mktemp("tasks")

    @functools.cache
    def run_of(name):
        case = tiny_tasks.CASES[name]
        options = case.write_files(directory / name)
        encoder = encoders[case.language]
        where = ("--runs-dir", directory / "runs", "--name", name)
        options = ("--task", case.task, "--encoder", encoder, *where, *options)
        trained = succeed("train", *options, *QUICK)
        exported = succeed("export", "--threads", 1, *where)
        return CommandRun(directory / "runs" / name, encoder, trained, exported)

    return run_of


@functools.cache
def answers_of_keras(run_dir):
    """The test split's examples, and what `asdict` makes of the answers to them."""
    trained = open_trained(find_bundle(find_run(run_dir.parent, run_dir.name)))
    manifest = load_run_records(run_dir, "test", trained.bundle)
    answered = list(trained.evaluation(manifest).answer("test"))
    return [(each.example, dataclasses.asdict(each.answer)) for each in answered]


def predict_without_tensorflow(run, case, examples, tmp_path):
    """What `predict --json` prints where TensorFlow can't be imported."""
    path = run.directory.parent.parent / run.directory.name / f"test{case.suffix}"
    if case.task == "fill":  # The masks are in no file.
        path = tmp_path / "asked.jsonl"
        path.write_text("\n".join(json.dumps({"text": each.text}) for each in examples))
    arguments = ["predict", run.directory, "--file", path, "--json"]
    arguments += ["--variant", "float32", "--threads", 1]
    for name, value in itertools.pairwise(case.options):
        arguments += [name, value] if name in ("--text", "--text-pair") else []
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({HEAVY!r}))\n"
        "from bert_cpu.cli import main\n"
        f"sys.exit(main({[str(word) for word in arguments]!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tiny_command.DATA.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_alike(found, expected, where="answer"):
    """Equal but for the last digits of numbers."""
    if isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-4), where
    elif isinstance(expected, dict):
        assert list(found) == list(expected), where
        for key, value in expected.items():
            assert_alike(found[key], value, f"{where} {key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for number, value in enumerate(expected):
            assert_alike(found[number], value, f"{where} {number}")
    else:
        assert found == expected, where


@pytest.mark.parametrize("name", TASKS)
def test_evaluate_measures_what_training_did(run_of, name):
    run = run_of(name)
    measured = json.loads(succeed("evaluate", *run.where, "--json").out)
    assert measured.pop("left_out")["records"] == 0
    assert (measured.pop("name"), measured.pop("split")) == (name, "test")
    expected = run.read_json("metrics.json")
    assert measured["examples"] == 8
    assert set(expected["metrics"]) <= set(measured)
    assert math.isfinite(measured["loss"])
    assert_alike(measured, expected["test"])


@pytest.mark.parametrize("name", TASKS)
def test_the_converted_model_measures_as_the_trained_one(run_of, name):
    report = run_of(name).read_json("tflite/report.json")
    variants = {each["name"]: each for each in report["variants"]}
    assert set(variants) == {"float32", "int8"}
    assert variants["float32"]["max_abs_difference"] < 1e-4
    assert 1e-6 < variants["int8"]["max_abs_difference"] < 0.5
    assert report["examples"] == 8
    for metric in report["metrics"]:
        found, expected = variants["float32"][metric], report["keras"][metric]
        assert found == pytest.approx(expected, abs=1e-4), metric


@pytest.mark.parametrize("name", TASKS)
def test_answers_without_tensorflow_are_those_of_keras(run_of, name, tmp_path):
    run = run_of(name)
    answered = answers_of_keras(run.directory)
    examples = [example for example, _ in answered]
    case = tiny_tasks.CASES[name]
    found = predict_without_tensorflow(run, case, examples, tmp_path)
    assert len(found) == len(answered) == 8
    # Keras answered them by length, and a file has them in its own order.
    found.sort(key=lambda answer: answer["text"])
    answered = sorted(answered, key=lambda pair: pair[1]["text"])
    for each, (example, expected) in zip(found, answered, strict=True):
        if case.suffix == ".json":
            assert each.pop("id") == example.label["id"]
        assert_alike(each, expected)


@pytest.mark.parametrize("name", TASKS)
def test_the_commands_that_export_prints_are_answered(run_of, name):
    printed = run_of(name).exported.err.splitlines()
    commands = [line for line in printed if line.startswith("  bert-cpu predict ")]
    first, by_line = (line.partition("  # ")[0].strip() for line in commands)
    _, *words = shlex.split(first)
    assert len(succeed(*words).out.splitlines()) == 1
    texts = words[2:3] + words[4:5]
    stdin = "\t".join(texts).encode() + b"\n"
    command, end, _ = by_line.partition(" < texts.txt")
    _, *words = shlex.split(command)
    assert end
    (line,) = succeed(*words, stdin=stdin).out.splitlines()
    assert json.loads(line)["text"] == texts[0]


WINDOWED = [
    FAST,
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("tag, 中文 spans", "answer, SQuAD", "answer, 中文", "fill")
    ),
]


@pytest.mark.parametrize("name", WINDOWED)
def test_long_texts_are_read_to_their_end(run_of, name):
    run = run_of(name)
    test = run.read_json("records/manifest.json")["splits"]["test"]
    assert (test["examples"], test["cut_texts"]) == (8, 0)
    assert test["windows"] >= 2 * test["examples"]


@pytest.mark.parametrize("name", WINDOWED[:2])
def test_a_tagger_finds_entities_where_they_stand(run_of, name):
    """Enough is learned for answers that are worth comparing."""
    answers = answers_of_keras(run_of(name).directory)
    found = [
        (example, entity)
        for example, answer in answers
        for entity in answer["entities"]
    ]
    assert len(found) >= 8
    for example, entity in found:
        assert entity["text"] == example.text[entity["start"] : entity["end"]]
    # Behind the first window as well.
    assert any(entity["start"] > 16 for _, entity in found)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["answer, SQuAD", "answer, 中文"])
def test_an_answer_is_a_place_in_the_context(run_of, name):
    answers = answers_of_keras(run_of(name).directory)
    for example, answer in answers:
        for span in answer["n_best"]:
            place = slice(span["start"], span["end"])
            assert example.text_pair[place] == span["answer"]
    labels = run_of(name).read_json("metrics.json")["labels"]
    assert ("no answer" in labels) == (name == "answer, 中文")


@pytest.mark.slow
def test_search_finds_a_text_by_itself(run_of, tmp_path):
    run = run_of("embed, 中文 pairs")
    texts = ["小明在哪里？", "王芳在北京。", "昨天去了上海", "菜很不错"]
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(texts), encoding="utf-8")
    options = ("--file", path, "--top", 2, "--json")
    for _ in range(2):  # With a new index, and with the one that is there.
        out = succeed("search", run.directory, *texts, *options).out
        hits = [json.loads(line) for line in out.splitlines()]
        firsts = [hit for hit in hits if hit["rank"] == 1]
        assert [hit["query"] for hit in firsts] == texts
        assert [hit["text"] for hit in firsts] == texts
        assert all(hit["score"] == pytest.approx(1, abs=1e-3) for hit in firsts)

"""Ours and the baseline are run in turn, once each, and told apart in a table."""

import json
import sys

import pytest

from bench.baselines.compare import BASELINE, Plan, compare, results_table
from bench.baselines.split_articles import split_articles
from bench.baselines.tfidf import tfidf_accuracy
from bench.ours.write_inference import inference_pairs
from bench.ours.write_phrases import read_phrases
from bench.ours.write_texts import row_of
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.task_catalog import make_task
from bert_cpu.text.rows import read_rows

# Stands for both interpreters: it notes how it was started, and leaves what a run
# would. Seed 1 of the baseline fails while there is a file "broken".
_FAKE = """#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
given = sys.argv[1:]
value = lambda flag: given[given.index(flag) + 1]
ours = "--runs-dir" in given
with (here / "started").open("a") as file:
    file.write(json.dumps(given) + "\\n")
if not ours and value("--seed") == "1" and (here / "broken").exists():
    print("out of memory", file=sys.stderr)
    sys.exit(3)
test = {{"f1": 0.5 + int(value("--seed")) / 10, "exact_match": 0.25}}
if ours:
    run = pathlib.Path(value("--runs-dir"), value("--name"))
    run.mkdir(parents=True, exist_ok=True)
    test["examples"] = 7
    metrics = {{"metrics": ["f1", "exact_match"], "test": test, "best_epoch": 2,
               "train": {{"seconds": 10.04}}}}
    (run / "metrics.json").write_text(json.dumps(metrics))
else:
    print("noise")
    print(json.dumps({{"test": test, "best_epoch": 3, "train_seconds": 25.0}}))
"""


@pytest.fixture
def pythons(tmp_path):
    fake = tmp_path / "python"
    fake.write_text(_FAKE.format(python=sys.executable), encoding="utf-8")
    fake.chmod(0o755)
    return {"ours": str(fake), "peers": str(fake)}


def plan_of(**fields):
    options = {"epochs": 3, "batch_size": 32, "learning_rate": 5e-5}
    options |= {"max_length": 384, "stride": 128, "threads": 2}
    given = {"validation": None, "test": "test.json", "encoder": "dir"} | fields
    return Plan("answer", "train.json", options=options, **given)


def started(tmp_path):
    lines = (tmp_path / "started").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def value(command, flag):
    return command[command.index(flag) + 1]


def test_seeds_are_run_one_by_one_with_the_same_recipe(tmp_path, pythons):
    compare(plan_of(), ["ours", BASELINE], [0, 1], tmp_path / "out", pythons)
    commands = started(tmp_path)
    assert [(value(each, "--seed"), "--runs-dir" in each) for each in commands] == [
        ("0", True),
        ("0", False),
        ("1", True),
        ("1", False),
    ]
    for command in commands:
        assert value(command, "--task") == "answer"
        assert value(command, "--max-length") == "384"
        assert value(command, "--stride") == "128"
        assert value(command, "--dtype") == "float32"
        assert value(command, "--test") == "test.json"
        assert "--validation" not in command
    assert value(commands[0], "--data") == value(commands[1], "--train")
    assert value(commands[0], "--encoder") == value(commands[1], "--model")
    assert value(commands[0], "--ema") == "0"


def test_after_a_stop_only_what_is_missing_is_run(tmp_path, pythons):
    (tmp_path / "broken").touch()
    given = (plan_of(), ["ours", BASELINE], [0, 1], tmp_path / "out", pythons)
    with pytest.raises(SystemExit, match=r"seed 1 failed: '.*-1\.log' says why"):
        compare(*given)
    log = tmp_path / "out" / "logs" / f"{BASELINE}-1.log"
    assert "out of memory" in log.read_text()
    assert len(started(tmp_path)) == 4
    (tmp_path / "broken").unlink()
    results = compare(*given)
    assert len(started(tmp_path)) == 5
    assert [each["test"]["f1"] for each in results["ours"]] == [0.5, 0.6]
    assert results["ours"][0]["test"] == {"f1": 0.5, "exact_match": 0.25}
    assert [each["best_epoch"] for each in results[BASELINE]] == [3, 3]


def test_results_of_other_options_are_not_mixed_in(tmp_path, pythons):
    compare(plan_of(), ["ours"], [0], tmp_path, pythons)
    with pytest.raises(SystemExit, match="is of other files or options"):
        compare(plan_of(test="other.json"), ["ours"], [0], tmp_path, pythons)


@pytest.mark.parametrize("baseline", [BASELINE, f"{BASELINE}-bfloat16"])
def test_the_table_has_means_and_differences(baseline):
    def result(seed, f1, seconds):
        test = {"f1": f1, "exact_match": 0.5}
        return {
            "seed": seed,
            "test": test,
            "train_seconds": seconds,
            "seconds": seconds + 9,
        }

    table = results_table(
        {
            "ours": [result(0, 0.50, 100.0), result(2, 0.53, 140.0)],
            baseline: [result(0, 0.51, 250.0), result(2, 0.51, 350.0)],
        }
    )
    head, _, ours, theirs = table.splitlines()
    assert "f1, seeds 0, 2" in head
    # (0.50 + 0.53) / 2 - 0.51 = 0.005; 300 s by 120 s.
    assert ours.split(" | ")[1:] == [
        *("0.5000, 0.5300", "0.5150", "+0.50", "0.5000"),
        *("100, 140", "109, 149", "2.50 × |"),
    ]
    assert theirs.split(" | ")[1:4] == ["0.5100, 0.5100", "0.5100", ""]


def test_articles_are_split_whole(tmp_path):
    articles = [{"title": str(number), "paragraphs": []} for number in range(1, 13)]
    split = split_articles(articles)
    assert [each["title"] for each in split["test"]] == ["5", "10"]
    assert len(split["train"]) == 10
    assert not {each["title"] for each in split["train"]} & {"5", "10"}


def test_a_text_is_written_as_each_task_reads_it(tmp_path):
    spans = [[0, 2, "PER"], [3, 5, "LOC"], [6, 7, "LOC"]]
    example = Example("李华在北京、沪", None, spans, "")
    path = tmp_path / "a.jsonl"
    for task, label in (("tag", spans), ("multilabel", ["LOC", "PER"])):
        path.write_text(json.dumps(row_of(example, task)))
        kind = make_task(PrepareSettings(task=task))
        ((position, row),) = read_rows(path, kind.formats)
        read = kind.read((position, row), PrepareSettings(task=task))
        assert (read.text, read.label) == (example.text, label)
    classified = Example("雨", None, "1", "")
    assert row_of(classified, "classify") == {"text": "雨", "label": "1"}


def test_phrases_get_a_score_beside_their_label():
    lines = ["Sales rose @ 5 % .@positive", "It is here .@neutral", "Loss .@negative"]
    assert list(read_phrases(lines)) == [
        ("Sales rose @ 5 % .", "positive", 1),
        ("It is here .", "neutral", 0),
        ("Loss .", "negative", -1),
    ]
    with pytest.raises(SystemExit, match="^Line 1 ends in 'good', but one of @neg"):
        list(read_phrases(["Sales rose .@good"]))


def test_a_question_gets_the_sentence_that_answers_it_and_the_nearest_that_does_not():
    context = "Denver won the game. Rain fell. The game was long. Denver rested."
    row = {
        "question": "Who won the long game?",
        "context": context,
        "answers": [{"text": "Denver", "start": 0}],
    }
    assert list(inference_pairs(row)) == [
        ("Who won the long game?", "Denver won the game.", "entailment", 1),
        # Not "Denver rested.", in which the answer stands as well.
        ("Who won the long game?", "The game was long.", "not_entailment", 0),
    ]
    over_two = [{"text": "game. Rain", "start": context.index("game. Rain")}]
    assert list(inference_pairs(row | {"answers": over_two})) == []
    alone = {"context": "Denver won the game."}
    assert list(inference_pairs(row | alone)) == []


def test_the_sentence_is_the_one_where_the_answer_is_and_not_another_with_its_words():
    row = {
        "question": "谁赢了？",
        "context": "丹佛来了。他们走了。丹佛赢了。",
        "answers": [{"text": "丹佛", "start": 10}],
    }
    assert list(inference_pairs(row)) == [
        ("谁赢了？", "丹佛赢了。", "entailment", 1),
        ("谁赢了？", "他们走了。", "not_entailment", 0),
    ]


@pytest.mark.parametrize(("characters", "expected"), [(False, 0.5), (True, 1.0)])
def test_characters_tell_texts_apart_that_have_no_spaces(
    characters, expected, tmp_path
):
    def write(name, **texts):
        rows = [{"text": text, "label": label} for text, label in texts.items()]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name).write_text(lines, encoding="utf-8")
        return str(tmp_path / name)

    train = write("train.jsonl", 很好看=1, 好极了=1, 不行=0, 真不值=0)
    test = write("test.jsonl", 好=1, 不值得=0)
    assert tfidf_accuracy(train, test, characters) == expected

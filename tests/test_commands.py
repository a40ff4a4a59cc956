"""From a csv to answers by the commands that a newcomer types."""

import codecs
import json
import os
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file
from tiny_bundle import longhand_logits
from tiny_command import DATA, bert_cpu, succeed
from transformers import BertTokenizerFast

TEXTS = ["Soft and light.", "The app crashes, useless!", "it works"]
HEAVY = ("tensorflow", "keras", "transformers", "matplotlib", "sklearn", "h5py")


def answers(outcome):
    return [json.loads(line) for line in outcome.out.splitlines()]


def program(run, *arguments, **options):
    """Starts `bert-cpu` as a process of its own, away from the project."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(DATA.parent)}
    return subprocess.Popen(
        [sys.executable, "-m", "bert_cpu.cli", *map(str, arguments)],
        cwd=run.directory,
        env=environment,
        encoding="utf-8",
        stderr=subprocess.PIPE,
        **options,
    )


@pytest.fixture(scope="module")
def expected(reviews_run):
    """What `predict --json` says of TEXTS."""
    return answers(succeed("predict", reviews_run.directory, *TEXTS, "--json"))


def test_training_leaves_what_the_design_lists(reviews_run):
    there = {path.name for path in reviews_run.directory.iterdir()}
    files = {"config.json", "metrics.json", "history.jsonl", "mistakes.jsonl"}
    directories = {"checkpoints", "bundle", "tensorboard", "records", "tflite"}
    assert there == files | directories | {"report.html"}


def test_metrics_have_the_keys_that_others_read(reviews_run):
    metrics = reviews_run.read_json("metrics.json")
    assert {
        "examples",
        "tokens",
        "seconds",
        "examples_per_second",
        "tokens_per_second",
        "peak_memory_mb",
    } == metrics["train"].keys()
    assert 0 <= metrics["validation"]["accuracy"] <= 1
    assert {"accuracy", "macro_f1", "confusion_matrix"} <= metrics["test"].keys()
    assert metrics["seed"] == 0
    # data/reviews_en.csv by the hash of its texts, counted once by hand.
    assert metrics["labels"] == ["neg", "pos"]
    assert metrics["train"]["examples"] == 47
    assert metrics["validation"]["examples"] == 7
    assert metrics["test"]["examples"] == 6
    assert np.sum(metrics["test"]["confusion_matrix"]) == 6


def test_the_config_holds_what_was_typed(reviews_run):
    config = reviews_run.read_json("config.json")
    assert config["data"] == str(DATA / "reviews_en.csv")
    assert config["encoder"] == str(reviews_run.encoder)
    assert (config["max_length"], config["epochs"], config["batch_size"]) == (24, 1, 64)


def test_training_says_its_plan_its_losses_and_what_to_run_next(reviews_run):
    said = reviews_run.trained.err
    assert "47 texts were longer than 24 tokens and cut, 0 were empty" in said
    plans = [line for line in said.splitlines() if line.startswith("Plan: ")]
    assert len(plans) == 1
    for part in ("parameters", "47 examples with 1,128 tokens", "1 thread", "float32"):
        assert part in plans[0]
    assert "of memory" in plans[0]
    for part in ("Confusion matrix", "Surest mistakes", "Run next", "macro-F1"):
        assert part in said
    assert reviews_run.trained.out == reviews_run.exported.out == ""


def test_the_command_to_run_next_runs(reviews_run):
    lines = reviews_run.exported.err.splitlines()
    (line,) = [x for x in lines if "bert-cpu predict" in x and "ask it" in x][:1]
    words = shlex.split(line, comments=True)
    assert words[:2] == ["bert-cpu", "predict"]
    assert succeed(*words[1:]).out.endswith("\ta text of yours\n")


def test_the_report_of_the_export_has_the_keys_that_others_read(reviews_run):
    report = reviews_run.read_json("tflite/report.json")
    assert [variant["name"] for variant in report["variants"]] == ["float32", "int8"]
    for variant in report["variants"]:
        path = reviews_run.directory / "tflite" / f"{variant['name']}.tflite"
        assert variant["size_mb"] == path.stat().st_size / 1e6
        assert variant["latency_ms"].keys() == {"16", "24"}
        assert all(0 < latency < 1000 for latency in variant["latency_ms"].values())
    assert report["variants"][0]["max_abs_difference"] < 1e-4
    assert report["chosen"] in ("float32", "int8")
    assert report["why"] in reviews_run.exported.err
    assert report["examples"] == 6
    metrics = reviews_run.read_json("metrics.json")
    assert report["metrics"] == metrics["metrics"] == ["accuracy", "macro_f1"]
    for name in report["metrics"]:
        assert report["keras"][name] == metrics["test"][name]
        assert all(0 <= variant[name] <= 1 for variant in report["variants"])


@pytest.mark.parametrize("split", ["test", "validation"])
def test_evaluate_says_what_training_said(reviews_run, split):
    outcome = succeed("evaluate", *reviews_run.where, "--split", split, "--json")
    measured = json.loads(outcome.out)
    assert outcome.err == ""
    assert (measured.pop("name"), measured.pop("split")) == ("评论 of 60", split)
    before = reviews_run.read_json("metrics.json")[split]
    assert measured["loss"] == pytest.approx(before.pop("loss"), abs=1e-6)
    assert {name: measured[name] for name in before} == before


def test_the_table_of_evaluate_can_be_piped_on(reviews_run):
    outcome = succeed("evaluate", *reviews_run.where)
    accuracy = reviews_run.read_json("metrics.json")["test"]["accuracy"]
    assert f"{accuracy:.4f}" in outcome.out
    assert "Confusion matrix of the test split" in outcome.out
    assert outcome.err == ""


def test_runs_are_found_from_where_one_stands(reviews_run, monkeypatch):
    monkeypatch.chdir(reviews_run.directory.parent.parent)
    named = ("--name", reviews_run.directory.name)
    assert succeed("evaluate", *named, "--json").out.startswith("{")
    assert succeed("predict", f"runs/{reviews_run.directory.name}", "x").out


def test_predict_answers_as_the_bundle_does_in_longhand(reviews_run):
    bundle = reviews_run.directory / "bundle"
    tokenizer = BertTokenizerFast.from_pretrained(str(bundle))
    weights = load_file(bundle / "model.safetensors")
    config = reviews_run.read_json("bundle/config.json")
    full = ("--json", "--variant", "float32")
    found = answers(succeed("predict", reviews_run.directory, *TEXTS, *full))
    for answer in found:
        ids = tokenizer(answer["text"], truncation=True, max_length=24)["input_ids"]
        logits = longhand_logits(weights, config, ids, [0] * len(ids))
        shares = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(
            list(answer["probabilities"].values()), shares, atol=1e-5
        )


def test_a_line_of_json_has_text_label_and_probabilities(expected):
    assert [answer["text"] for answer in expected] == TEXTS
    for answer in expected:
        assert list(answer) == ["text", "label", "probabilities"]
        shares = answer["probabilities"]
        assert list(shares) == ["neg", "pos"]
        assert sum(shares.values()) == pytest.approx(1, abs=1e-9)
        assert answer["label"] == max(shares, key=shares.get)


def test_lines_without_json_are_label_probability_and_text(reviews_run, expected):
    lines = succeed("predict", reviews_run.directory, *TEXTS).out.splitlines()
    for line, answer in zip(lines, expected, strict=True):
        label, probability, text = line.split("\t")
        assert (label, text) == (answer["label"], answer["text"])
        assert probability == f"{answer['probabilities'][label]:.4f}"


@pytest.mark.parametrize(
    "name, content, options",
    [
        ("a.csv", 'text\r\n{}\r\n"{}"\r\n{}\r\n', ()),
        ("bom.csv", '\ufeffid,text\n1,{}\n2,"{}"\n3,{}\n', ()),
        ("a.tsv", "say\tid\n{}\t1\n{}\t2\n{}\t3\n", ("--text", "say")),
        ("a.jsonl", '{{"text":"{}"}}\n\n{{"text":"{}","id":2}}\n{{"text":"{}"}}\n', ()),
        ("a.txt", "{}\n{}\n{}\n", ()),
        ("two words 文.txt", "{}\n{}\n{}", ()),
    ],
)
def test_texts_come_from_files(reviews_run, expected, tmp_path, name, content, options):
    path = tmp_path / name
    path.write_bytes(content.format(*TEXTS).encode())
    outcome = succeed(
        "predict", reviews_run.directory, "--file", path, "--json", *options
    )
    assert answers(outcome) == expected
    assert outcome.err == ""


def test_texts_come_from_standard_input(reviews_run, expected):
    lines = "\r\n".join(TEXTS).encode()
    outcome = succeed("predict", reviews_run.directory, "--json", stdin=lines)
    assert answers(outcome) == expected


def test_a_byte_order_mark_is_no_part_of_the_first_text(reviews_run):
    lines = codecs.BOM_UTF8 + b"film\nfilm\n"
    outcome = succeed("predict", reviews_run.directory, "--json", stdin=lines)
    first, second = answers(outcome)
    assert first == second


def test_an_answer_is_one_line_whatever_the_text_holds(reviews_run, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text\n\"two\nlines\tand a tab\"\n''\n")
    outcome = succeed("predict", reviews_run.directory, "--file", path)
    assert len(outcome.out.splitlines()) == 2
    assert outcome.out.splitlines()[0].endswith("\ttwo lines and a tab")


def test_an_empty_text_keeps_its_line_and_gets_no_label(reviews_run):
    outcome = succeed("predict", reviews_run.directory, stdin=b"film\n\nfilm\n")
    lines = outcome.out.splitlines()
    assert lines[0] == lines[2]
    assert lines[1] == "-\t-\t"
    (answer,) = answers(succeed("predict", reviews_run.directory, " ", "--json"))
    assert answer == {"text": " ", "label": None, "probabilities": {}}


def test_long_texts_are_cut_and_counted(reviews_run):
    outcome = succeed("predict", reviews_run.directory, "--json", "a" * 22, "a" * 50)
    assert outcome.err == "1 text was longer than 24 tokens and cut\n"
    short, long = answers(outcome)
    assert short["probabilities"] == long["probabilities"]


def test_each_variant_answers(reviews_run):
    float32, int8 = (
        answers(
            succeed(
                "predict", reviews_run.directory, TEXTS[0], "--json", "--variant", name
            )
        )[0]["probabilities"]["neg"]
        for name in ("float32", "int8")
    )
    assert float32 != int8
    assert float32 == pytest.approx(int8, abs=0.05)


def test_answering_imports_nothing_heavy(reviews_run):
    arguments = [
        ["predict", str(reviews_run.directory), "film"],
        ["hardware"],
        ["hardware", "--encoder", str(reviews_run.encoder), "--json"],
    ]
    code = (
        "import sys; from bert_cpu.cli import main\n"
        f"codes = [main(each) for each in {arguments!r}]\n"
        f"print(codes, [x for x in {HEAVY!r} if x in sys.modules], file=sys.stderr)"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(DATA.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=reviews_run.directory,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "[0, 0, 0] []\n"


def test_a_reader_who_has_enough_is_not_a_mistake(reviews_run):
    pipe = subprocess.PIPE
    with program(
        reviews_run, "predict", reviews_run.directory, stdin=pipe, stdout=pipe
    ) as process:
        # Less than a pipe holds; the answers are more.
        process.stdin.write("film\n" * 8_000)
        process.stdin.close()
        assert process.stdout.readline().endswith("\tfilm\n")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has it")
def test_a_full_disk_under_the_answers_is_said(reviews_run):
    with (
        open("/dev/full", "w") as full,
        program(
            reviews_run, "predict", reviews_run.directory, "film", stdout=full
        ) as process,
    ):
        said = process.stderr.read()
    assert (process.returncode, said.count("\n")) == (2, 1)
    assert said.startswith("bert-cpu: ")
    assert "No space left on device" in said


def test_hardware_says_whether_an_encoder_fits(reviews_run):
    said = succeed("hardware", "--encoder", reviews_run.encoder).out
    assert "training fits: batch size 32, length 64" in " ".join(said.split())
    whole = json.loads(succeed("hardware", "--json").out)
    assert whole["hardware"]["cores"] >= 1
    assert whole["profile"]["dtype"] in ("float32", "bfloat16")


def test_a_converted_model_is_answered_from_where_it_is_copied_to(
    reviews_run, expected, tmp_path
):
    shutil.copytree(reviews_run.directory / "tflite", tmp_path / "served 模型")
    outcome = succeed("predict", tmp_path / "served 模型", *TEXTS, "--json")
    assert answers(outcome) == expected


def test_a_finished_run_that_is_resumed_stays_as_it_is(reviews_run, tmp_path):
    shutil.copytree(reviews_run.directory, tmp_path / "copy")
    outcome = succeed("train", "--resume", "--runs-dir", tmp_path, "--name", "copy")
    assert "training loss" not in outcome.err, "nothing was left to train"
    weights = [
        load_file(directory / "bundle" / "model.safetensors")
        for directory in (reviews_run.directory, tmp_path / "copy")
    ]
    for name, tensor in weights[0].items():
        np.testing.assert_array_equal(tensor, weights[1][name])
    metrics = json.loads((tmp_path / "copy" / "metrics.json").read_text())
    assert metrics["test"] == reviews_run.read_json("metrics.json")["test"]


def test_predict_leaves_with_2_when_something_is_wrong(reviews_run):
    assert bert_cpu("predict", reviews_run.directory, "x", "--pair", "y").code == 2
    assert bert_cpu("predict", reviews_run.encoder, "x").code == 2

"""An export says what it measured, keeps what is right and fast, and ends whole."""

import dataclasses
import errno
import hashlib
import json

import pytest
import tiny_bundle
from sklearn.metrics import f1_score
from tiny_export import BUCKETS, answered_by, truths

from bert_cpu.errors import UserError
from bert_cpu.export import export_tflite as export_module
from bert_cpu.export.compare import choose, compare, measure_latency
from bert_cpu.export.export_tflite import export_tflite
from bert_cpu.runtime.answered import Answered
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.tasks.classify import Classify
from bert_cpu.text.windows import Reading


def test_report_counts_what_longhand_says(exported, sequences, expected):
    _, report, _ = exported
    by_name = {variant["name"]: variant for variant in report["variants"]}
    assert set(by_name) == {"float32", "int8"}
    assert report["examples"] == len(sequences)
    assert report["metrics"] == ["accuracy", "macro_f1"]
    f1 = f1_score(truths(expected), expected.argmax(1), average="macro")
    for found in (report["keras"], by_name["float32"]):
        assert found["accuracy"] == pytest.approx(8 / 9)
        assert found["macro_f1"] == pytest.approx(f1)
    assert by_name["float32"]["max_abs_difference"] < 1e-4
    assert 1e-4 < by_name["int8"]["max_abs_difference"] < 0.2
    for variant in report["variants"]:
        assert set(variant["latency_ms"]) == set(map(str, BUCKETS))
        assert all(value > 0 for value in variant["latency_ms"].values())


def test_directory_describes_every_file_in_it(exported):
    run_dir, report, lines = exported
    directory = run_dir / "tflite"
    model = json.loads((directory / "model.json").read_text())
    files = model.pop("files")
    assert {path.name for path in directory.iterdir()} - {"model.json"} == set(files)
    assert set(files) == {
        *("float32.tflite", "int8.tflite", "labels.txt", "report.json"),
        *("tokenizer.json", "tokenizer_rules.json", "vocab.txt"),
    }
    for name, stated in files.items():
        content = (directory / name).read_bytes()
        assert stated["size"] == len(content)
        assert stated["sha256"] == hashlib.sha256(content).hexdigest()
    assert model == {
        "format": "bert_cpu.tflite",
        "version": 1,
        "task": "classify",
        "options": {},
        "labels": tiny_bundle.LABELS,
        "max_length": 40,
        "stride": 0,
        "buckets": BUCKETS,
        "text_pair": False,
        "preprocess": {"normalize": False, "stop_words": "none", "stem": "none"},
        "chosen": report["chosen"],
    }
    assert (directory / "labels.txt").read_text() == "neg\nneutral\npos\n"
    assert json.loads((directory / "report.json").read_text()) == report
    assert lines[-1] == report["why"]


def test_no_working_directory_is_left(exported):
    run_dir, _, _ = exported
    assert {path.name for path in run_dir.iterdir()} == {"bundle", "tflite"}


@pytest.mark.parametrize(
    "int8_accuracy, int8_ms, chosen, why",
    [
        (0.870, 0.5, "int8", "int8 is 2.00 times as fast as float32"),
        (0.865, 0.5, "int8", "0.8650 against 0.8700, within 0.5 points"),
        (0.864, 0.5, "float32", "int8 loses 0.60 points of accuracy"),
        (0.880, 1.25, "float32", "int8 is only 0.80 times as fast as float32"),
    ],
)
def test_int8_is_kept_only_if_right_and_fast(int8_accuracy, int8_ms, chosen, why):
    # float32 takes 1 and 4 ms: the ratio of the means would be another.
    name, sentence = choose(
        [
            _variant("float32", 0.870, {"16": 1.0, "128": 4.0}),
            _variant("int8", int8_accuracy, {"16": int8_ms, "128": 4 * int8_ms}),
        ],
        "accuracy",
    )
    assert name == chosen
    assert why in sentence
    assert "\n" not in sentence


def test_latency_stays_within_its_time(converted):
    model = BucketedInterpreter(converted["float32"], BUCKETS, threads=1)
    latency = measure_latency({"a": model, "b": model}, BUCKETS, seconds=0.1)
    assert set(latency["a"]) == set(latency["b"]) == set(map(str, BUCKETS))


def test_outputs_of_another_number_of_windows_are_refused(
    converted, sequences, expected
):
    model = BucketedInterpreter(converted["float32"], BUCKETS, threads=1)
    (each,) = answered_by(expected[:1], sequences[:1], [0])
    wrong = dataclasses.replace(each, outputs=[*each.outputs, *each.outputs])
    with pytest.raises(ValueError, match="longer"):
        compare({"float32": model}, Classify(), tiny_bundle.LABELS, [wrong])


def test_every_window_of_a_text_counts_in_the_difference(
    converted, sequences, expected
):
    model = BucketedInterpreter(converted["float32"], BUCKETS, threads=1)
    parts = answered_by(expected[:3], sequences[:3], [0, 0, 0])
    whole = Answered(
        parts[0].example,
        Reading([window for each in parts for window in each.reading.windows], False),
        [output for each in parts for output in each.outputs],
        parts[0].answer,
    )
    whole.outputs[2]["logits"] = whole.outputs[2]["logits"] + [0, 7, 0]
    _, compared = compare({"a": model}, Classify(), tiny_bundle.LABELS, [whole])
    assert compared["a"].max_abs_difference == pytest.approx(7, abs=1e-3)


def test_a_metric_of_another_task_is_called_by_its_name():
    variants = [
        {"name": name, "exact_match": score, "latency_ms": {"16": 1.0}}
        for name, score in (("float32", 0.7), ("int8", 0.6))
    ]
    name, sentence = choose(variants, "exact_match")
    assert name == "float32"
    assert "loses 10.00 points of exact match" in sentence


def test_run_without_a_bundle_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"make train NAME=mine"):
        export_tflite(tmp_path / "mine", Classify(), tiny_bundle.LABELS, [])


def test_changed_bundle_is_refused(tmp_path):
    bundle = tiny_bundle.write_bundle(tmp_path / "mine" / "bundle")
    config = bundle / "config.json"
    config.write_text(config.read_text().replace("gelu", "relu"))
    with pytest.raises(UserError, match=r"config\.json' has sha256 .* changed since"):
        export_tflite(tmp_path / "mine", Classify(), tiny_bundle.LABELS, [])


def test_cut_bundle_is_refused(tmp_path):
    bundle = tiny_bundle.write_bundle(tmp_path / "mine" / "bundle")
    path = bundle / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        UserError, match=r"safetensors' has .* bytes, but .* were written"
    ):
        export_tflite(tmp_path / "mine", Classify(), tiny_bundle.LABELS, [])


def test_empty_test_split_is_refused_and_leaves_the_run_as_it_was(
    tmp_path, monkeypatch, converted
):
    tiny_bundle.write_bundle(tmp_path / "mine" / "bundle")
    monkeypatch.setattr(export_module, "convert", lambda *_: converted)
    old = tmp_path / "mine" / "tflite" / "model.json"
    old.parent.mkdir()
    old.write_text("the last conversion")
    with pytest.raises(UserError, match="test split is empty"):
        export_tflite(tmp_path / "mine", Classify(), tiny_bundle.LABELS, [])
    assert old.read_text() == "the last conversion"
    names = {path.name for path in (tmp_path / "mine").iterdir()}
    assert names == {"bundle", "tflite"}


def test_full_disk_is_said_and_leaves_the_run_as_it_was(tmp_path, monkeypatch):
    tiny_bundle.write_bundle(tmp_path / "mine" / "bundle")

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export_module, "convert", fail)
    with pytest.raises(UserError, match="disk is full"):
        export_tflite(tmp_path / "mine", Classify(), tiny_bundle.LABELS, [])
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {"bundle"}


def _variant(name, accuracy, latency_ms):
    return {"name": name, "accuracy": accuracy, "latency_ms": latency_ms}

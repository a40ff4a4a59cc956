"""A prepared test split may lack a label that training has: it is measured as it is."""

import json

import numpy as np
import pytest
import tiny_command
from sklearn import metrics as sklearn_metrics
from tiny_command import QUICK, succeed

LABELS = ("air", "land", "sea")


def write_csv(path, labels, num_rows):
    chosen = [labels[row % len(labels)] for row in range(num_rows)]
    rows = [f"the {label} {row},{label}" for row, label in enumerate(chosen)]
    path.write_text("\n".join(["text,label", *rows]))


def write_conll(path, labels, num_rows):
    chosen = [labels[row % len(labels)] for row in range(num_rows)]
    sentences = [
        f"the O\n{row} O\n{kind} B-{kind}\n" for row, kind in enumerate(chosen)
    ]
    path.write_text("\n".join(sentences))


def train_on_prepared(directory, task, suffix, write):
    """Prepares, trains and evaluates; gives the manifest and what was measured."""
    encoder = tiny_command.write_alphabet_encoder(
        directory / "encoder", "thelandsir0123456789"
    )
    files = []
    for option, labels in (("data", LABELS), ("validation", LABELS), ("test", "")):
        path = directory / f"{option}{suffix}"
        write(path, labels or LABELS[:2], 24 if option == "data" else 7)
        files += [f"--{option}", path]
    records = directory / "records"
    task = ("--task", task, "--encoder", encoder)
    succeed("prepare", *files, *task, "--output", records, *QUICK[:2])
    where = ("--runs-dir", directory / "runs", "--name", "few")
    succeed("train", "--data", records, *task, *where, *QUICK[2:])
    measured = json.loads(succeed("evaluate", *where, "--json").out)
    told = json.loads((directory / "runs" / "few" / "metrics.json").read_text())
    assert told["test"]["per_label"] == measured["per_label"]
    report = (directory / "runs" / "few" / "report.html").read_text(encoding="utf-8")
    assert "sea" in report
    manifest = json.loads((records / "manifest.json").read_text())
    return manifest, measured


def test_classes_that_the_test_lacks_are_measured_as_scikit_learn_does(tmp_path):
    manifest, measured = train_on_prepared(tmp_path, "classify", ".csv", write_csv)
    assert manifest["labels"] == list(LABELS)
    assert manifest["splits"]["test"]["label_counts"] == {"air": 4, "land": 3, "sea": 0}
    assert measured["per_label"]["sea"]["examples"] == 0
    assert measured["per_label"]["sea"]["recall"] == 0.0
    matrix = np.array(measured["confusion_matrix"])
    assert matrix.sum(axis=1).tolist() == [4, 3, 0]
    truths, answers = (
        np.repeat(ids.ravel(), matrix.ravel()) for ids in np.indices(matrix.shape)
    )
    # Of scikit-learn's own: over the labels that are true or answered.
    expected = sklearn_metrics.f1_score(
        truths, answers, average="macro", zero_division=0
    )
    assert measured["macro_f1"] == pytest.approx(expected)
    assert measured["accuracy"] == pytest.approx((truths == answers).mean())


@pytest.mark.slow
def test_kinds_of_entities_that_the_test_lacks_are_measured(tmp_path):
    manifest, measured = train_on_prepared(tmp_path, "tag", ".conll", write_conll)
    assert manifest["labels"] == [
        "O",
        *(f"{letter}-{label}" for label in LABELS for letter in "BI"),
    ]
    examples = {
        label: each["examples"] for label, each in measured["per_label"].items()
    }
    assert examples == {"air": 4, "land": 3, "sea": 0}
    assert 0 <= measured["f1"] <= 1

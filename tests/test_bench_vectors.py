"""The runtime's vectors are transformers' mean pooling, and the check can tell."""

import sys

import numpy as np
import pytest
import tiny_bundle
from reference import stored

from bench import vectors as command
from bench.vectors import LIMITS, compare_vectors, vectors_table
from bert_cpu.export.tflite import convert
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.tasks.embed import Embed


def test_converted_vectors_are_those_of_transformers(tmp_path):
    reference = stored.read("random_erf")
    bundle = tiny_bundle.write_bundle(
        tmp_path / "bundle", reference.weights(), reference.config, task="embed"
    )
    mask = reference.inputs["attention_mask"]
    hidden = reference.outputs["hidden_states"][-1].astype(np.float64)
    theirs = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
    buckets = [16, mask.shape[1]]
    paths = convert(bundle, tmp_path, buckets, Embed())
    assert set(paths) == set(LIMITS)
    for variant, path in paths.items():
        interpreter = BucketedInterpreter(path, buckets, 1)
        ours = [
            interpreter.run_ids(ids[: each.sum()], kinds[: each.sum()])["vector"]
            for ids, kinds, each in zip(
                reference.inputs["input_ids"],
                reference.inputs["token_type_ids"],
                mask,
                strict=True,
            )
        ]
        found = compare_vectors(variant, np.stack(ours), theirs)
        assert found["is_near"], found
        # Of other texts they are far.
        assert not compare_vectors(variant, np.stack(ours)[::-1], theirs)["is_near"]


def test_a_distance_is_one_minus_the_cosine():
    theirs = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 4.0]])
    angle = 0.1
    ours = theirs.copy()
    ours[1] = [-5 * np.sin(angle), 5 * np.cos(angle)]
    found = compare_vectors("int8", ours, theirs)
    assert found["farthest"] == pytest.approx(1 - np.cos(angle))
    assert found["mean"] == pytest.approx((1 - np.cos(angle)) / 3)
    assert found["number"] == pytest.approx(np.sin(angle))
    assert found["is_near"]  # 0.005
    assert not compare_vectors("float32", ours, theirs)["is_near"]


def test_small_distances_are_not_rounded_away():
    theirs = np.array([[1.0, 0.0]])
    found = compare_vectors("float32", np.array([[1.0, 1e-10]]), theirs)
    assert found["farthest"] == pytest.approx(5e-21)


def test_numbers_that_are_none_are_not_near():
    ours, theirs = np.array([[np.nan, 1.0]]), np.array([[0.0, 1.0]])
    assert not compare_vectors("int8", ours, theirs)["is_near"]


def test_the_table_says_what_is_too_far():
    rows = [
        compare_vectors("float32", np.array([[1.0, 0.1]]), np.array([[1.0, 0.0]])),
        compare_vectors("int8", np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]])),
    ]
    lines = vectors_table(rows).splitlines()
    assert lines[2].startswith("| float32 | 0.005 |")
    assert lines[2].endswith("| no |")
    assert lines[3] == "| int8 | 0 | 0 | 0.01 | 0 | yes |"


@pytest.mark.parametrize("shift, code", [(0.0, 0), (0.2, 1)])
def test_the_command_fails_where_a_text_is_too_far(
    shift, code, tmp_path, monkeypatch, capsys
):
    theirs = np.eye(3)
    given = {}

    class Material:
        def __init__(self, workplace, is_quick):
            pass

        def splits(self, source):
            return {split: split for split in ("test", "validation", "train")}

        def encoder(self):
            return "encoder"

        def embedder(self, name, texts, max_length):
            given["texts"] = texts
            return "run"

    def answer_texts(run, pairs, variant):
        for number, _ in enumerate(pairs):
            vector = theirs[number].copy()
            vector[(number + 1) % 3] += shift if variant == "int8" else 0.0
            yield type("Answer", (), {"vector": vector.tolist()})

    monkeypatch.setattr(command, "Material", Material)
    monkeypatch.setattr(
        command, "read_jsonl", lambda name: [{"text": f"{name} {n}"} for n in (1, 2)]
    )
    monkeypatch.setattr(command, "_their_vectors", lambda *_: theirs)
    monkeypatch.setattr(command, "answer_texts", answer_texts)
    arguments = ["--count", "3", "--work", str(tmp_path), "--peers", sys.executable]
    assert command.main(arguments) == code
    assert given["texts"] == ["test 1", "test 2", "validation 1"]
    assert "3 texts of movie_reviews" in capsys.readouterr().out

"""What contestants are given is made once, but converted by the code that is raced."""

import sys

import pytest

from bench import material as module
from bench.material import Material
from bench.workplace import Workplace


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Commands that were called; they only leave the directories of the real ones."""
    calls = []

    def bert_cpu(self, command, *arguments):
        calls.append(command)
        run = self.runs_dir / arguments[arguments.index("--name") + 1]
        if command == "train":
            (run / "bundle").mkdir(parents=True)
            (run / "metrics.json").write_text("{}")
        else:
            (run / "tflite").mkdir(exist_ok=True)

    monkeypatch.setattr(Material, "_bert_cpu", bert_cpu)
    monkeypatch.setattr(Material, "encoder", lambda self: "encoder")
    splits = dict.fromkeys(("train", "validation", "test"), "a.jsonl")
    monkeypatch.setattr(Material, "splits", lambda self, source: splits)
    monkeypatch.setattr(module, "package_digest", lambda: "aaaa")
    monkeypatch.setattr(module, "read_tuned", lambda: None)
    return calls, Material(Workplace({"ours": sys.executable}, (0,), tmp_path), True)


@pytest.mark.parametrize(
    "ask",
    [
        lambda material: material.trained("movie_reviews"),
        lambda material: material.embedder("texts", ["a"], 16),
    ],
)
def test_a_run_is_converted_again_by_other_code_or_another_profile(
    ask, made, monkeypatch
):
    calls, material = made
    first = ask(material)
    assert calls == ["train", "export"]
    assert ask(material) == first
    assert calls == ["train", "export"]
    monkeypatch.setattr(module, "package_digest", lambda: "bbbb")
    ask(material)
    assert calls == ["train", "export", "export"]
    monkeypatch.setattr(module, "read_tuned", lambda: {"answering": {"threads": 1}})
    ask(material)
    ask(material)
    assert calls == ["train", "export", "export", "export"]

"""What `bert-cpu search` finds, prints, keeps and refuses, with a model of 3 words."""

import json
import pathlib
import re

import numpy as np
import pytest

from bert_cpu.commands import search
from bert_cpu.errors import UserError
from bert_cpu.serving import vector_search
from bert_cpu.tasks.classify import Classify
from bert_cpu.tasks.embed import Answer, Embed

TEXTS = [
    "a lovely film",
    "一部好电影",
    "",
    "rain\tin the hills",
    "a lovely lovely film",
]
# One direction for each subject.
WORDS = {"lovely": 0, "好": 0, "film": 1, "电影": 1, "rain": 2}


class FakeModel:
    """Counts words; what has none of them has nothing to read."""

    variant, max_length = "int8", 4

    def __init__(self, task=None):
        self.task = task or Embed()
        self.num_cut = self.num_unknown = self.num_tokens = 0
        self.num_asked = 0

    def answer(self, text, text_pair=None):
        assert text_pair is None
        self.num_asked += 1
        self.num_cut += len(text.split()) > 3
        vector = np.zeros(3)
        for word, place in WORDS.items():
            vector[place] += text.count(word)
        is_empty = not vector.any()
        vector = None if is_empty else (vector / np.linalg.norm(vector)).tolist()
        return Answer(text, vector)


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A fake of the model whose description is in `run/tflite`."""
    fake = FakeModel()
    (tmp_path / "run" / "tflite").mkdir(parents=True)
    (tmp_path / "run" / "tflite" / "model.json").write_text('{"digests": 1}')
    (tmp_path / "films.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(search, "open_model", lambda directory, *_: fake)
    return fake


def run(*queries, file="films.txt", text="text", index=None, top=2, as_json=False):
    return search.run("run", queries, file, text, index, top, 0, None, as_json)


def test_the_nearest_texts_come_first_in_columns(model, capsys):
    assert run("lovely", top=3) == 0
    out, err = capsys.readouterr()
    # cos of (2, 1, 0), (1, 1, 0) and (1, 1, 0) with (1, 0, 0).
    assert out.splitlines() == [
        "1\t0.8944\ta lovely lovely film",
        "2\t0.7071\ta lovely film",
        "3\t0.7071\t一部好电影",
    ]
    assert err == (
        "different texts in 'films.txt.index': 4 (left out without words: 1, cut at 4 "
        "tokens: 2)\n"
    )


def test_several_queries_are_told_apart(model, capsys):
    run("rain", "电影", top=1)
    out = capsys.readouterr().out.splitlines()
    assert out == ["> rain", "1\t1.0000\train in the hills", "> 电影"] + [
        "1\t0.7071\ta lovely film"
    ]


def test_json_lines_have_texts_as_they_were_written(model, capsys):
    run("rain", "好", top=1, as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        {"query": "rain", "rank": 1, "score": 1.0, "text": TEXTS[3]},
        {"query": "好", "rank": 1, "score": 0.894427, "text": TEXTS[4]},
    ]


def test_the_index_is_built_once(model, capsys):
    run("lovely", index="kept")
    model.num_asked = 0
    first = capsys.readouterr().out
    run("lovely", index="kept")
    assert model.num_asked == 1
    assert capsys.readouterr() == (first, "")


def change_texts():
    pathlib.Path("films.txt").write_text("new rain\n")


def change_model():
    pathlib.Path("run/tflite/model.json").write_text('{"digests": 2}')


def test_other_texts_or_another_model_build_it_again(model, capsys):
    for change in (change_model, change_texts):
        run("rain", top=1)
        change()
        capsys.readouterr()
        run("rain", top=1)
        out, err = capsys.readouterr()
        assert "is of other texts or another model: building it again" in err
    assert out == "1\t1.0000\tnew rain\n"


def test_a_variant_and_a_column_have_an_index_of_their_own(model, capsys):
    pathlib.Path("films.csv").write_text("title,plot\nrain,lovely\n")
    found = []
    for column, variant in (("title", "int8"), ("plot", "int8"), ("plot", "float32")):
        model.variant = variant
        run("rain", file="films.csv", text=column, top=1)
        out, err = capsys.readouterr()
        assert "different texts in 'films.csv.index': 1 (" in err
        found.append(out.split("\t")[-1].strip())
    assert found == ["rain", "lovely", "lovely"]


def test_a_text_that_the_file_repeats_is_found_once(model, capsys):
    pathlib.Path("films.txt").write_text("rain\nrain film\nrain\nrain\n")
    run("rain", top=9)
    assert capsys.readouterr().out == "1\t1.0000\train\n2\t0.7071\train film\n"
    assert model.num_asked == 3


def test_a_model_directory_may_be_the_converted_one(model, capsys):
    search.run("run/tflite", ["rain"], "films.txt", "text", None, 1, 0, None, False)
    assert capsys.readouterr().out == "1\t1.0000\train in the hills\n"


def test_a_long_file_shows_signs_of_life(model, monkeypatch, capsys):
    monkeypatch.setattr(search, "_TICK", 2)
    run("rain")
    assert capsys.readouterr().err.splitlines()[:2] == ["2 texts read", "4 texts read"]


def test_a_damaged_index_is_noticed(model):
    run("rain")
    path = pathlib.Path("films.txt.index/vectors.bin")
    path.write_bytes(b"\0" * path.stat().st_size)
    with pytest.raises(UserError, match=r"was changed since\. Delete the index; the n"):
        run("rain")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"queries": []}, "There is no query. Give at least one."),
        ({"queries": ["…"]}, "There is nothing to read in the query '…'. Ask with oth"),
        ({"file": "none.txt"}, "There is no file 'none.txt'. Check the name."),
        ({"text": "title"}, "films.txt line 1 has no column 'title' (it has: text)."),
        ({"top": 0}, "--top is 0, but must be 1 or more."),
        ({"index": "run"}, "'run' is there and is no index, so it is left as it is."),
    ],
)
def test_mistakes_are_said_in_one_line(model, options, message):
    queries = options.pop("queries", ["rain"])
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        run(*queries, **options)
    assert "\n" not in str(caught.value)


def test_a_file_of_empty_texts_makes_no_index(model):
    pathlib.Path("films.txt").write_text("\n \n")
    with pytest.raises(UserError, match="There is no text to index. Give at least"):
        run("rain")
    assert not pathlib.Path("films.txt.index").exists()


def test_a_model_without_vectors_is_refused(model):
    model.task = Classify()
    with pytest.raises(UserError, match=r"^'run' was trained for --task classify, but"):
        run("rain")


def test_an_index_of_other_vectors_is_refused(model, monkeypatch):
    run("rain")
    index = vector_search.VectorIndex.open("films.txt.index")
    vector_search.VectorIndex.write(
        "films.txt.index", [("rain", np.ones(7))], index.source
    )
    with pytest.raises(UserError, match="Query 1 has 3 numbers, but the index has vec"):
        run("rain")

"""Pictures of the pages show what runs left."""

import importlib.util
import json
from xml.etree import ElementTree

import pytest

SVG = "{http://www.w3.org/2000/svg}"
TEXT = "Ann <b> saw New York, 北京也去了。"
MARKS = [
    {"start": 0, "end": 3, "label": "person", "verdict": "right"},
    {"start": 12, "end": 20, "label": "location", "verdict": "wrong"},
    {"start": 22, "end": 24, "label": "地", "verdict": "missed"},
]


@pytest.fixture(scope="module")
def draw_pictures(project_dir):
    path = project_dir / "docs" / "draw_pictures.py"
    spec = importlib.util.spec_from_file_location("draw_pictures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(directory, name, *lines):
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (directory / name).write_text(text, encoding="utf-8")


def test_entities_are_boxes_behind_their_words(draw_pictures):
    root = ElementTree.fromstring(
        draw_pictures.draw_entities([{"text": TEXT, "marks": MARKS}])
    )
    texts = list(root.iter(f"{SVG}text"))
    words = {each.text: each for each in texts}
    shown = [each.text for each in texts]
    labels = [mark["label"] for mark in MARKS]
    assert "".join(each for each in shown if each not in labels) == (
        TEXT.replace(" ", "")
    )
    assert [each for each in shown if each in labels] == labels
    boxes = [
        (box.get("class"), float(box.get("x")), float(box.get("width")))
        for box in root.iter(f"{SVG}rect")
        if box.get("class")
    ]
    assert [verdict for verdict, *_ in boxes] == ["right", "wrong", "wrong", "missed"]
    for (_, x, width), word in zip(boxes, ("Ann", "New", "York", "北京"), strict=True):
        assert x == pytest.approx(float(words[word].get("x")) - 1, abs=0.11)
        assert width == pytest.approx(
            float(words[word].get("textLength")) + 2, abs=0.11
        )


def test_words_stay_within_the_picture(draw_pictures):
    lines = [{"text": "a long sentence of words " * 8, "marks": []}]
    root = ElementTree.fromstring(draw_pictures.draw_entities(lines))
    texts = list(root.iter(f"{SVG}text"))
    assert len({each.get("y") for each in texts}) > 1
    for each in texts:
        end = float(each.get("x")) + float(each.get("textLength"))
        assert end <= float(root.get("width"))
        assert float(each.get("y")) < float(root.get("height"))
    too_long = [{"text": "word " * 200, "marks": []}]
    assert draw_pictures.draw_entities(too_long) is None


def test_each_run_gives_its_picture(draw_pictures, tmp_path, capsys):
    write(tmp_path, "marked.jsonl", {"text": TEXT, "marks": MARKS})
    pair = {"texts": ["hello", "hi"], "places": [[0, 1], [1, 0]]}
    write(tmp_path, "map.jsonl", pair, pair | {"places": [[3, 1], [1, 4]]})
    head = {"block": 0, "head": 1, "share": 0.5, "weights": [[0.1, 0.5]]}
    line = {"rows": ["who"], "columns": ["b", "c"], "answer_columns": [1]}
    write(tmp_path, "attention.jsonl", line | {"question": "who", "heads": [head]})
    output = tmp_path / "pictures"
    runs = [
        part for task in ("tag", "answer", "embed") for part in (f"--{task}", tmp_path)
    ]
    arguments = [str(part) for part in (*runs, "--output", output)]
    assert draw_pictures.main(arguments) == 0
    for name, word in (("entities", "York,"), ("attention", "who"), ("map", "hello")):
        root = ElementTree.parse(output / f"{name}.svg").getroot()
        assert root.tag == f"{SVG}svg"
        assert word.rstrip(",") in "".join(root.itertext())


def test_a_run_without_it_is_told(draw_pictures, tmp_path, capsys):
    arguments = ["--tag", str(tmp_path), "--output", str(tmp_path / "pictures")]
    assert draw_pictures.main(arguments) == 2
    assert "nothing to draw for entities.svg" in capsys.readouterr().err

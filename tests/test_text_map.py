"""A map of texts: what is near in the vectors is near in the picture."""

import json
import re

import numpy as np
import pytest

from bert_cpu.example import Example
from bert_cpu.report.text_map import draw_map
from bert_cpu.report.write_report import write_report
from bert_cpu.tasks.classify import Classify
from bert_cpu.tasks.embed import Embed, PairAnswer
from bert_cpu.training.map_vectors import write_map


def answers_of(vectors):
    """`vectors`: `(pairs, 2, size)`."""
    return [
        (
            Example(f"问 {n}", f"answer {n}", None, ""),
            PairAnswer("", "", 0.0, tuple(two)),
        )
        for n, two in enumerate(vectors)
    ]


def written(directory, vectors):
    write_map(directory, Embed(), answers_of(vectors))
    lines = (directory / "map.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def vectors_of(num_pairs, size=6, seed=0):
    return np.random.default_rng(seed).normal(size=(num_pairs, 2, size)).astype("f4")


def test_places_are_the_two_main_directions(tmp_path):
    vectors = vectors_of(20) * np.float32([5, 1, 3, 0.1, 0.1, 0.1])
    lines = written(tmp_path, vectors)
    assert [line["texts"] for line in lines[:1]] == [["问 0", "answer 0"]]
    places = np.array([line["places"] for line in lines]).reshape(-1, 2)
    flat = vectors.reshape(-1, 6).astype(float)
    flat -= flat.mean(axis=0)
    values, directions = np.linalg.eigh(flat.T @ flat)
    expected = flat @ directions[:, np.argsort(-values)[:2]]
    np.testing.assert_allclose(np.abs(places), np.abs(expected), atol=1e-3)


def test_the_same_answers_give_the_same_map_of_a_bounded_size(tmp_path):
    vectors = vectors_of(1234)
    first, again = written(tmp_path, vectors), written(tmp_path, vectors)
    assert first == again
    assert 50 < len(first) <= 100


def test_without_vectors_there_is_no_map(tmp_path):
    write_map(tmp_path, Embed(), answers_of(vectors_of(1)))
    unread = PairAnswer("", "", None, None)
    write_map(tmp_path, Embed(), [(Example("a", "b", None, ""), unread)] * 3)
    write_map(tmp_path, Classify(), answers_of(vectors_of(3)))
    assert not list(tmp_path.iterdir())


def markers(svg, name):
    group = re.search(rf'id="map-{name}-texts">(.*?)</g>\s*</g>', svg, re.S)
    assert group
    uses = re.findall(r'<use [^>]*x="([\d.-]+)" y="([\d.-]+)"', group[1])
    return np.array(uses, float)


def test_points_are_drawn_where_the_texts_are(tmp_path):
    lines = written(tmp_path, vectors_of(30))
    drawing = draw_map(lines)
    svg = drawing.to_svg("a map")
    for side, name in enumerate(("first", "second")):
        places = np.array([line["places"][side] for line in lines])
        drawn = markers(svg, name)
        assert len(drawn) == 30
        for axis in (0, 1):
            correlation = np.corrcoef(drawn[:, axis], places[:, axis])[0, 1]
            assert correlation == pytest.approx((1, -1)[axis], abs=1e-6)
    named = re.findall(r">(问 \d+)</text>", svg)
    assert 2 <= len(named) <= 7
    assert drawing.to_svg("a map") == svg


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"texts": ["a", "b"], "places": [[0, 1], [2]]},
        {"texts": ["a", "b"], "places": [[0, 1], [2, float("nan")]]},
        {"texts": ["a", None], "places": [[0, 1], [2, 3]]},
        {"texts": ["a", "b"], "places": [[0, 1], [2, "3"]]},
        {"texts": ["a", "b"], "places": [[0, 1], [2, 3], 4]},
    ],
)
def test_what_is_no_pair_is_left_out(line):
    assert draw_map([line]) is None
    assert draw_map([line, {"texts": ["a", "b"], "places": [[0, 0], [0, 0]]}])


def test_a_text_of_the_map_is_shown_as_text():
    hostile = "<script>$x$"
    pair = {"texts": [hostile, "b"], "places": [[0, 0], [1, 1]]}
    svg = draw_map([pair]).to_svg("a map")
    assert "&lt;script&gt;$x$" in svg
    assert "<script>" not in svg


def test_a_report_has_the_map_of_a_run_with_one(tmp_path):
    assert "Where texts lie" not in write_report(tmp_path).read_text(encoding="utf-8")
    written(tmp_path, vectors_of(5))
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "Where texts lie" in page
    assert len(markers(page, "first")) == 5

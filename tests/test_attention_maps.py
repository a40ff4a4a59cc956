"""Attention as numbers and as a picture is that of the encoder's weights."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from longhand_attention import longhand_probabilities
from tiny_head import INPUTS, tiny_encoder

from bert_cpu.models.attention_maps import attention_maps
from bert_cpu.report.attention import draw_attention
from bert_cpu.report.palette import light
from bert_cpu.tasks.answer import AnswerQuestions

SVG = "{http://www.w3.org/2000/svg}"


def test_maps_are_those_of_the_weights():
    encoder = tiny_encoder()
    maps = attention_maps(encoder, INPUTS)
    expected = np.stack(
        [longhand_probabilities(encoder, block, INPUTS) for block in range(len(maps))]
    )
    assert maps.shape == expected.shape
    # Far from even, or a map of anything would pass.
    assert expected.max() - expected.min() > 0.3
    # Two orders of the same float32 sums.
    np.testing.assert_allclose(maps, expected, atol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_maps_of_a_tasks_model_are_those_of_its_encoder(dropout):
    # With dropout, as it is trained: none is left when it is looked at.
    encoder = tiny_encoder(dropout)
    model = AnswerQuestions().build(encoder, ("answer",), 0.1)
    np.testing.assert_array_equal(
        attention_maps(model, INPUTS), attention_maps(encoder, INPUTS)
    )


def test_more_than_the_model_reads_is_left_alone():
    encoder = tiny_encoder()
    extended = INPUTS | {"overflow": np.zeros(3)}
    np.testing.assert_array_equal(
        attention_maps(encoder, extended), attention_maps(encoder, INPUTS)
    )


def cells(drawing, panel):
    """The colours of a panel's squares, row by row."""
    root = ElementTree.fromstring(drawing.to_svg("attention"))
    group = next(
        each for each in root.iter(f"{SVG}g") if (each.get("id") or "").endswith(panel)
    )
    fills = [
        re.search(r"fill: ([^;]+)", each.get("style", "")) for each in group.iter()
    ]
    return [fill[1] for fill in fills if fill]


def test_a_cell_is_as_deep_as_its_weight():
    weights = [[[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.2, 0.3, 0.5]]]
    drawing = draw_attention(weights, ["[CLS]", "好", "[SEP]"], ["head 0"])
    colours = cells(drawing, "panel-0")
    assert len(colours) == 9
    none, all_of_it = (f"var(--{part}, {light(part)})" for part in ("page", "heat"))
    assert colours[0] == all_of_it
    assert [place for place in range(9) if colours[place] == none] == [1, 2, 3]
    assert colours[4] == colours[5] == colours[8]
    assert len(set(colours)) == 5


def test_tokens_and_titles_are_written_as_the_reader_has_them():
    drawing = draw_attention(
        np.full((5, 2, 2), 0.5), ["<好>", "$x$"], [f"head {n}" for n in range(5)]
    )
    root = ElementTree.fromstring(drawing.to_svg("attention"))
    words = [each.text for each in root.iter(f"{SVG}text")]
    assert sorted(words) == sorted(
        [f"head {n}" for n in range(5)]
        # At the left of both lines, and above the first one's four panels.
        + ["<好>", "$x$"] * (2 + 4)
    )


@pytest.mark.parametrize(
    "shape, titles, message",
    [
        ((1, 2, 2), ["a", "b"], "2 of 1 panels"),
        ((1, 3, 3), ["a"], "must be 2 by 2"),
        ((1, 3, 2), ["a"], "must be 2 by 2"),
        ((1, 2, 3), ["a"], "must be 2 by 2"),
    ],
)
def test_panels_that_do_not_fit_are_refused(shape, titles, message):
    with pytest.raises(ValueError, match=message):
        draw_attention(np.zeros(shape), ["x", "y"], titles)


def test_a_notebook_shows_a_drawing_on_its_own_ground():
    drawing = draw_attention(np.ones((1, 1, 1)), ["好"], ["head 0"])
    root = ElementTree.fromstring(drawing._repr_svg_())
    assert root.tag == f"{SVG}svg"
    assert (root.get("width"), root.get("height")) == (
        str(drawing.width),
        str(drawing.height),
    )
    assert light("card") in root.get("style")
    assert "sans-serif" in root.get("style")
    assert "var(" not in drawing._repr_svg_()
    assert repr(drawing) == f"Drawing('attention', 880, {drawing.height})"
    assert "好" in [each.text for each in root.iter(f"{SVG}text")]

"""What a benchmark leaves: bench.json, tables, pictures, and the page."""

import ast
import pathlib
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from bench.charts import draw_growth
from bench.count_flops import count_flops, count_weight_bytes
from bench.growth import describe_growth
from bench.summarize import summarize
from bench.write_page import BEGIN, END, with_results
from bench.write_report import write_report

SHAPE = {"hidden_size": 6, "intermediate_size": 10, "num_hidden_layers": 3}


def row(peer, ratio, **fields):
    return {
        "job": "one answer",
        "case": "MiniLM-L6, int8, length 16",
        "peer": peer,
        "ours": 2.0,
        "theirs": None if ratio is None else 2.0 * ratio,
        "unit": "ms",
        "ratio": ratio,
        "counts": ratio is not None,
        "ratios": [] if ratio is None else [ratio, 1.1 * ratio],
        "note": "" if ratio is not None else "died | with\ntwo lines",
        "goal": 1.3,
        "share_of_limit": 0.4,
        "limit": "int8 products",
    } | fields


@pytest.fixture
def results():
    return {
        "settings": {"rounds": 2, "long_rounds": 1, "quick": False},
        "machine": {
            "model": "A CPU",
            "cores": [0, 1],
            "memory_gb": 8.0,
            "simd": ["avx2"],
            "system": "Linux 6",
            "load": 0.1,
        },
        "versions": {"ours": {"keras": "3.15.1"}},
        "limits": {
            "int8": {
                "value": 400.0,
                "unit": "GOP/s",
                "kernel": "ONNX Runtime 1024",
                "notes": ["kernels of ours died"],
            }
        },
        "rows": [row("slow", 3.0), row("quick", 1.2), row("broken", None)],
        "growth": [
            {
                "axis": "length",
                "points": [
                    {"size": 16, "seconds": 1.0, "memory_mb": 100.0},
                    {"size": 32, "seconds": 4.0, "memory_mb": 110.0},
                    {"size": 64, "note": "no memory"},
                ],
                **describe_growth([16, 32], [1.0, 4.0]),
            }
        ],
    }


def test_operations_are_those_of_the_products_that_numpy_would_make():
    length, hidden, labels = 5, SHAPE["hidden_size"], 2
    counted = 0

    def multiply(left, right):
        nonlocal counted
        counted += 2 * left.shape[0] * left.shape[1] * right.shape[1]
        return left @ right

    for block in range(SHAPE["num_hidden_layers"]):
        tokens = np.zeros((length, hidden))
        x = tokens if block < SHAPE["num_hidden_layers"] - 1 else tokens[:1]
        for each in (x, tokens, tokens, x):  # Query, key, value and output.
            multiply(each, np.zeros((hidden, hidden)))
        for _ in range(2):  # Heads, each with half of the features.
            half = np.zeros((length, hidden // 2))
            scores = multiply(half[: len(x)], half.T)
            multiply(scores, half)
        grown = multiply(x, np.zeros((hidden, SHAPE["intermediate_size"])))
        multiply(grown, np.zeros((SHAPE["intermediate_size"], hidden)))
    first = np.zeros((1, hidden))
    multiply(first, np.zeros((hidden, hidden)))
    multiply(first, np.zeros((hidden, labels)))
    assert count_flops(SHAPE, length, labels) == counted


def test_weights_are_read_once():
    one_layer = SHAPE | {"num_hidden_layers": 1}
    assert count_weight_bytes(one_layer, 4) == 4 * (4 * 36 + 2 * 60 + 36)


def test_the_fastest_peer_is_the_one_that_ours_is_least_ahead_of(results):
    (line,) = summarize(results["rows"])
    assert (line["fastest"], line["ratio"], line["reached"]) == ("quick", 1.2, False)
    assert line["failed"] == ["broken"]


def test_the_report_has_every_row_and_whole_pictures(results, tmp_path):
    write_report(results, tmp_path)
    text = (tmp_path / "bench.md").read_text(encoding="utf-8")
    assert (
        "| one answer | MiniLM-L6, int8, length 16 | quick | 1.20 | 1.30 | no |" in text
    )
    assert "died \\| with two lines" in text
    assert (
        "| int8: matrix products | 400 | GOP/s | ONNX Runtime 1024 | kernels of" in text
    )
    assert "| tokens in a sequence | 64 | - | - | no memory |" in text
    assert "length, 16 to 32: not in a line, the time grows with the power 2.00" in text
    pictures = re.findall(r"\]\((bench-charts/.*?\.svg)\)", text)
    assert len(pictures) == 3
    for picture in pictures:
        root = ElementTree.parse(tmp_path / picture).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
    bars = (tmp_path / pictures[0]).read_text(encoding="utf-8")
    assert ">quick<" in bars
    assert ">broken<" not in bars


def test_growth_is_drawn_in_time_and_in_memory(results):
    (axis,) = results["growth"]
    time, memory = draw_growth(axis).figure.axes
    curves = [axes.get_lines()[0].get_xydata().tolist() for axes in (time, memory)]
    assert curves == [[[16, 1.0], [32, 4.0]], [[16, 100.0], [32, 110.0]]]
    assert len(memory.get_lines()) == 1
    assert memory.get_ylim()[0] == 0


def test_the_page_gets_the_results_and_keeps_the_rest(results, tmp_path):
    page = f"Before\n{BEGIN}old\n{END}After\n"
    once = with_results(page, results, tmp_path / "performance")
    assert once.startswith("Before\n")
    assert once.endswith("After\n")
    assert "old" not in once
    assert "(performance/one_answer.svg)" in once
    assert with_results(once, results, tmp_path / "performance") == once


def test_the_page_in_docs_has_the_marks(project_dir):
    page = (project_dir / "docs" / "performance.md").read_text(encoding="utf-8")
    assert (page.count(BEGIN), page.count(END)) == (1, 1)


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_an_exponent_is_found_again(exponent):
    sizes = np.array([16, 64, 256, 512])
    found = describe_growth(sizes.tolist(), (3 * sizes**exponent).tolist())
    assert found["exponent"] == pytest.approx(exponent)
    assert found["local_exponents"] == pytest.approx([exponent] * 3)
    assert len(found["departs"]) == (0 if exponent == 1 else 3)


def test_the_package_never_imports_the_benchmark(project_dir):
    for path in (pathlib.Path(project_dir) / "bert_cpu").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            assert not any(name.split(".")[0] == "bench" for name in names), path

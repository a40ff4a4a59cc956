"""Draws the pictures of docs/tasks.md from what runs left.

    python docs/draw_pictures.py --tag runs/wnut17 --answer runs/xquad --embed runs/talk

Each option is one picture in docs/pictures: entities.svg, attention.svg, map.svg.
"""

import argparse
import pathlib
import re
import sys
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from bert_cpu.report.attended import draw_attended
from bert_cpu.report.drawing import text_width
from bert_cpu.report.palette import light
from bert_cpu.report.read_run import read_run
from bert_cpu.report.text_map import draw_map

_WIDTH, _MARGIN, _LINE, _SIZE = 880, 14, 26, 15
# What a picture has room for.
_MOST_TEXTS = 6
_COLOURS = {"right": "third", "wrong": "second", "missed": "second"}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for task in ("tag", "answer", "embed"):
        parser.add_argument(
            f"--{task}", type=pathlib.Path, help=f"a run of --task {task}"
        )
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path(__file__).resolve().parent / "pictures",
    )
    options = parser.parse_args(arguments)
    svgs: dict[str, str | None] = {}
    if options.tag:
        svgs["entities"] = draw_entities(read_run(options.tag).marked)
    if options.answer:
        drawings = [draw_attended(line) for line in read_run(options.answer).attended]
        svgs["attention"] = next((d._repr_svg_() for d in drawings if d), None)
    if options.embed:
        drawing = draw_map(read_run(options.embed).mapped)
        svgs["map"] = drawing._repr_svg_() if drawing else None
    options.output.mkdir(parents=True, exist_ok=True)
    for name, svg in svgs.items():
        if svg is None:
            print(f"The run has nothing to draw for {name}.svg", file=sys.stderr)
            return 2
        (options.output / f"{name}.svg").write_text(svg + "\n", encoding="utf-8")
        print(options.output / f"{name}.svg")
    return 0


def draw_entities(lines: Sequence[dict[str, Any]]) -> str | None:
    """Texts with their marked places in colour, word by word, as SVG.

    Args:
        lines: of `marked.jsonl`. Those that don't fit on three lines are left out.

    Returns:
        A whole `<svg>`, or None if there is no text.
    """
    shapes: list[str] = []
    y, shown = _LINE, 0
    for line in lines:
        placed = _place(line["text"], line["marks"])
        height = 1 + max((row for row, *_ in placed), default=0)
        if height > 3 or shown == _MOST_TEXTS:
            continue
        shown += 1
        for row, x, word, verdict, label in placed:
            shapes.append(_shape(x, y + row * _LINE, word, verdict, label))
        y += height * _LINE + _LINE // 2
    if not shown:
        return None
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" '
        f'viewBox="0 0 {_WIDTH} {y}" role="img" aria-label="entities" '
        f'font-family="system-ui, sans-serif" font-size="{_SIZE}">\n'
        f'<rect width="100%" height="100%" fill="{light("card")}"/>\n'
        + "\n".join(shapes)
        + "\n</svg>"
    )


def _place(text, marks):
    """(row, x, word, verdict, label) of each word or piece of one, left to right."""
    cuts = {place for mark in marks for place in (mark["start"], mark["end"])}
    placed = []
    row, x = 0, float(_MARGIN)
    for found in re.finditer(r"\s+|\S+", text):
        if found[0].isspace():
            x += text_width(" ", _SIZE)
            continue
        edges = sorted(
            {found.start(), found.end()}
            | {cut for cut in cuts if found.start() < cut < found.end()}
        )
        for start, end in zip(edges, edges[1:], strict=False):
            mark = next((m for m in marks if m["start"] <= start < m["end"]), None)
            label = mark["label"] if mark and mark["end"] == end else ""
            word = text[start:end]
            width = text_width(word, _SIZE)
            more = text_width(f" {label}", _SIZE * 0.7) if label else 0.0
            if x + width + more > _WIDTH - _MARGIN:
                row, x = row + 1, float(_MARGIN)
            placed.append((row, x, word, mark and mark["verdict"], label))
            x += width + more
    return placed


def _shape(x, y, word, verdict, label):
    width = text_width(word, _SIZE)
    shape = ""
    if verdict:
        colour = light(_COLOURS[verdict])
        look = (
            f'fill="none" stroke="{colour}" stroke-dasharray="3 2"'
            if verdict == "missed"
            else f'fill="{colour}" fill-opacity="0.3"'
        )
        shape = (
            f'<rect class="{verdict}" x="{x - 1:.1f}" y="{y - 15}" '
            f'width="{width + 2:.1f}" height="20" rx="3" {look}/>'
        )
    # The reader's font is another: the word is stretched to where it is meant to be.
    shape += (
        f'<text x="{x:.1f}" y="{y}" textLength="{width:.1f}" '
        f'lengthAdjust="spacingAndGlyphs" fill="{light("ink")}">{escape(word)}</text>'
    )
    if label:
        shape += (
            f'<text x="{x + width + 3:.1f}" y="{y}" font-size="{_SIZE * 0.7:.1f}" '
            f'fill="{light("muted")}">{escape(label)}</text>'
        )
    return shape


if __name__ == "__main__":
    sys.exit(main())

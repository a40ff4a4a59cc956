"""The page of a run, read: its elements and numbers, and what its pictures draw."""

import html.parser
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from bert_cpu.report.write_report import write_report

SVG = "{http://www.w3.org/2000/svg}"


class Page(html.parser.HTMLParser):
    """What a browser would find: elements, exact numbers, text; tags must match."""

    VOID = frozenset({"meta"})

    def __init__(self, source: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.values: list[float] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "data":
            self.values.append(float(dict(attrs)["value"]))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words += data


def read_page(run_dir: Path) -> tuple[str, Page, list[ElementTree.Element]]:
    source = write_report(run_dir).read_text(encoding="utf-8")
    svgs = [
        ElementTree.fromstring(svg)
        for svg in re.findall(r"<svg.*?</svg>", source, re.S)
    ]
    return source, Page(source), svgs


def by_id(svgs: list[ElementTree.Element], name: str) -> ElementTree.Element:
    (found,) = (e for svg in svgs for e in svg.iter() if e.get("id") == name)
    return found


def height_of(svgs: list[ElementTree.Element], name: str) -> float:
    return np.ptp(points_of(svgs, name)[:, 1])


def points_of(svgs: list[ElementTree.Element], name: str) -> np.ndarray:
    path = by_id(svgs, name).find(f".//{SVG}path")
    assert path is not None
    return np.array(re.findall(r"[\d.-]+", path.get("d", "")), float).reshape(-1, 2)

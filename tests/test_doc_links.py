"""Every link of the pages and notebooks leads somewhere; other hosts are not asked."""

import json
import os
import pathlib
import re
import string
import urllib.parse

import pytest
from markdown_it import MarkdownIt

PROJECT = pathlib.Path(__file__).resolve().parent.parent
# What commands leave, and what is other people's.
LEFT_OUT = {"bench-charts", "bench-work", "build", "dist", "runs", "sweeps"}
HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", re.I)
HTML_LINK = re.compile(r"""\b(?:href|src)\s*=\s*["']([^"']*)["']""")
HTML_ANCHOR = re.compile(r"""\b(?:id|name)\s*=\s*["']([^"']+)["']""")


def pages(project):
    """All .md files and notebooks that are the project's own."""
    found = []
    for folder, folders, files in os.walk(project):
        folders[:] = [
            name
            for name in folders
            if name not in LEFT_OUT and (name == ".ci" or not name.startswith("."))
        ]
        for name in files:
            if name.endswith((".md", ".ipynb")):
                found.append(pathlib.Path(folder, name))
    return sorted(found)


def texts_of(path):
    """Markdown of a page, or of each cell of a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return [text]
    cells = json.loads(text)["cells"]
    return ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]


def tokens_of(text):
    """Flat; what stands in code is code, and has no links."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or ()


def links_of(path):
    for text in texts_of(path):
        for token in tokens_of(text):
            if token.type in ("html_block", "html_inline"):
                yield from HTML_LINK.findall(token.content)
            link = token.attrGet("href") or token.attrGet("src")
            if link is not None:
                yield urllib.parse.unquote(link)


def anchors_of(path):
    """What may stand behind `#`: headings as GitHub and Sphinx name them, and ids.

    Jupyter keeps capitals and punctuation, so a notebook has those names as well.
    """
    anchors, seen = set(), {}
    for text in texts_of(path):
        tokens = list(tokens_of(text))
        for index, token in enumerate(tokens):
            if token.type in ("html_block", "html_inline"):
                anchors.update(HTML_ANCHOR.findall(token.content))
            if token.type != "heading_open":
                continue
            heading = "".join(
                child.content
                for child in tokens[index + 1].children
                if child.type in ("text", "code_inline")
            )
            if path.suffix == ".ipynb":
                anchors.add(heading.replace(" ", "-"))
            slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            count = seen[slug] = seen.get(slug, -1) + 1
            anchors.add(f"{slug}-{count}" if count else slug)
    return anchors


def fault_of(link, page, project):
    """What is wrong with a link of a page, in words; None if nothing is."""
    parts = urllib.parse.urlsplit(link)
    if parts.scheme or parts.netloc:
        return _fault_of_address(link, parts)
    target = page if not parts.path else (page.parent / parts.path).resolve()
    if parts.path.startswith("/") or not target.is_relative_to(project):
        return "leads out of the project"
    if not target.exists():
        return "leads to no file"
    if not _spelled_so(target):
        return "is spelled otherwise on the disk"
    if parts.fragment and target.suffix in (".md", ".ipynb"):
        if parts.fragment not in anchors_of(target):
            return "has an anchor that is no heading there"
    elif parts.fragment:
        return "has an anchor, but leads to no page"
    return None


def _fault_of_address(link, parts):
    if parts.scheme not in ("https", "mailto"):
        return "is not https"
    if parts.scheme == "mailto":
        return None if re.fullmatch(r"[^@\s]+@[^@\s]+", parts.path) else "is no address"
    if any(c in string.whitespace + '<>"{}|\\^`' for c in link):
        return "has a character that addresses can't have"
    if not HOST.fullmatch(parts.netloc):
        return "has no host's name"
    return None


def _spelled_so(target):
    """On a disk that takes capitals for small letters, a wrong name would do."""
    return target.name in os.listdir(target.parent)


@pytest.mark.parametrize(
    "page", pages(PROJECT), ids=lambda path: str(path.relative_to(PROJECT))
)
def test_every_link_leads_somewhere(page):
    faults = {link: fault_of(link, page, PROJECT) for link in links_of(page)}
    assert {link: fault for link, fault in faults.items() if fault} == {}


@pytest.fixture
def small_project(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/b.md").write_text(
        "# The *title*\n\n## Same: `x`, 中文\n\n## Same: `x`, 中文\n\n"
        '<a id="here"></a>\n',
        encoding="utf-8",
    )
    cells = [
        {"cell_type": "markdown", "source": ["## Two words!\n", "[b](../docs/no.md)"]},
        {"cell_type": "code", "source": ["# [b](no.md)"]},
    ]
    (tmp_path / "docs/n.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "a.md").write_text(
        "[b](docs/b.md) and ![c](c.png)\n\n```\n[d](d.md)\n```\n`[e](e.md)`\n\n"
        '| x |\n|---|\n| <img src="f.png"> |\n\n[g]\n\n[g]: docs/b.md#here\n',
        encoding="utf-8",
    )
    return tmp_path


def test_links_are_found_where_a_reader_sees_them(small_project):
    assert list(links_of(small_project / "a.md")) == [
        *("docs/b.md", "c.png", "f.png", "docs/b.md#here"),
    ]
    assert list(links_of(small_project / "docs/n.ipynb")) == ["../docs/no.md"]
    names = [path.name for path in pages(small_project)]
    assert names == ["a.md", "b.md", "n.ipynb"]


@pytest.mark.parametrize(
    "link",
    [
        "docs/b.md",
        "docs",
        "docs/b.md#the-title",
        "docs/b.md#same-x-中文",
        "docs/b.md#same-x-中文-1",
        "docs/b.md#here",
        "docs/n.ipynb#Two-words!",
        "https://arxiv.org/abs/1810.04805",
        "mailto:someone@example.org",
    ],
)
def test_a_good_link_is_no_fault(small_project, link):
    assert fault_of(link, small_project / "a.md", small_project) is None


@pytest.mark.parametrize(
    "link, fault",
    [
        ("docs/c.md", "leads to no file"),
        ("docs/B.md", "leads to no file"),
        ("../secret.md", "leads out of the project"),
        ("/docs/b.md", "leads out of the project"),
        ("docs/b.md#same-x", "has an anchor that is no heading there"),
        ("docs/b.md#same-x-中文-2", "has an anchor that is no heading there"),
        ("#nowhere", "has an anchor that is no heading there"),
        ("http://arxiv.org/abs/1", "is not https"),
        ("https://arxiv", "has no host's name"),
        ("https://arxiv.org/a b", "has a character that addresses can't have"),
        ("file:///etc/passwd", "is not https"),
        ("mailto:nobody", "is no address"),
    ],
)
def test_a_bad_link_is_found(small_project, link, fault):
    assert fault_of(link, small_project / "a.md", small_project) == fault

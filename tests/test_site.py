"""The site of the documentation: every page is in it, and it builds offline."""

import json
import pathlib
import posixpath
import re
import subprocess
from html.parser import HTMLParser

import pytest

PROJECT = pathlib.Path(__file__).resolve().parent.parent
DOCS = PROJECT / "docs"
TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.M | re.S)
# Written when the site is built.
REFERENCE = "docs/reference/bert_cpu/index"
# Beside the pages of `docs`.
FRONT = {"README", "README.zh", "CONTRIBUTING", "CHANGELOG", "notebooks/README"}


def entries_of(page):
    """The pages that the toctrees of a page name, from the project's folder on."""
    text = (PROJECT / f"{page}.md").read_text(encoding="utf-8")
    for block in TOCTREE.findall(text):
        for line in block.splitlines():
            if line and not line.startswith(":"):
                line = re.sub(r".*<(.+)>$", r"\1", line)  # Under a title of its own.
                yield posixpath.normpath(posixpath.join(posixpath.dirname(page), line))


def test_every_page_is_named_once_and_exists():
    pages = {
        path.relative_to(PROJECT).with_suffix("").as_posix()
        for path in DOCS.rglob("*.md")
        if DOCS / "reference" not in path.parents
    }
    named, waiting = [], ["docs/index"]
    while waiting:
        page = waiting.pop()
        if page != REFERENCE:
            found = list(entries_of(page))
            named += found
            waiting += found
    assert sorted(named) == sorted((pages - {"docs/index"}) | FRONT | {REFERENCE})


def test_every_command_has_its_help_in_the_reference():
    from bert_cpu.subcommands import COMMANDS

    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```\{help\} (\S+)$", text, re.M)
    assert set(shown) == set(COMMANDS)
    assert len(shown) == len(set(shown))


def test_files_that_the_page_on_the_article_names_are_there():
    text = (DOCS / "article.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z0-9_]+(?:/[a-z0-9_]+)+\.py)`", text)
    assert len(named) > 40
    lost = [name for name in named if not (PROJECT / "bert_cpu" / name).is_file()]
    assert lost == []


class Loaded(HTMLParser):
    """What a page makes the browser fetch, and where its links lead."""

    def __init__(self, text):
        super().__init__()
        self.addresses = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag in ("script", "img", "iframe", "source", "audio", "video", "embed"):
            self.addresses.append(given.get("src") or "")
        if tag == "link" and given.get("rel") not in ("canonical", None):
            self.addresses.append(given.get("href") or "")


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path):
    site = tmp_path / "site"
    result = subprocess.run(
        ["make", "docs", f"SITE={site}"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {"index.html", "README.html", "docs/article.html"} <= pages
    assert "docs/reference/bert_cpu/layers/attention/index.html" in pages
    for path in site.rglob("*.html"):
        for address in Loaded(path.read_text(encoding="utf-8")).addresses:
            assert not re.match(r"(?:[a-z]+:)?//", address), (path, address)
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", text), path
    # What `bert-cpu train --help` prints is there, and an argument of a layer.
    commands = (site / "docs/commands.html").read_text(encoding="utf-8")
    assert "--layer-decay" in commands
    layer = site / "docs/reference/bert_cpu/layers/embeddings/index.html"
    assert 'class="doctest highlight' in layer.read_text(encoding="utf-8")
    tflite = site / "docs/reference/bert_cpu/runtime/tflite_model/index.html"
    assert "doctest: +SKIP" not in tflite.read_text(encoding="utf-8")
    search = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(search.removeprefix("Search.setIndex(").removesuffix(")"))
    assert "docs/tutorial.zh" in index["docnames"]

"""A page in Chinese says what its English twin says, as far as a program can tell."""

import pathlib
import re

import pytest
from markdown_it import MarkdownIt

PROJECT = pathlib.Path(__file__).resolve().parent.parent
# What is there anew on each run of `make tree`, in English alone.
TREE = re.compile(r"<!-- tree: .*?<!-- end of the tree -->", re.S)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
# Of the shell: words, not commands.
COMMENT = re.compile(r"(?:^|\s)# .*", re.M)
COMMAND = re.compile(r"\b(?:make|bert-cpu|python -m) [a-z][\w.-]*")

CHINESE = sorted([*PROJECT.glob("*.zh.md"), *PROJECT.glob("docs/*.zh.md")])


def tokens_of(text):
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        yield token
        yield from token.children or ()


def sections_of(text):
    """The depths of headings, in order."""
    return [t.tag for t in tokens_of(text) if t.type == "heading_open"]


def commands_of(text):
    """All commands and options that stand in code."""
    is_code = ("fence", "code_inline")
    codes = [
        COMMENT.sub("", token.content)
        for token in tokens_of(text)
        if token.type in is_code
    ]
    return {
        name
        for code in codes
        for pattern in (OPTION, COMMAND)
        for name in pattern.findall(code)
    }


def links_of(text):
    return [t.attrGet("href") for t in tokens_of(text) if t.type == "link_open"]


def twins(chinese):
    english = chinese.with_name(chinese.name.removesuffix(".zh.md") + ".md")
    texts = (page.read_text(encoding="utf-8") for page in (english, chinese))
    return english.name, *(TREE.sub("", text) for text in texts)


@pytest.fixture(params=CHINESE, ids=lambda path: path.name)
def chinese(request):
    return request.param


def test_the_pages_link_to_each_other_first(chinese):
    name, english_text, chinese_text = twins(chinese)
    assert links_of(english_text)[0] == chinese.name
    assert links_of(chinese_text)[0] == name


def test_the_sections_are_the_same(chinese):
    _, english_text, chinese_text = twins(chinese)
    assert sections_of(chinese_text) == sections_of(english_text)


def test_no_command_or_option_is_missing(chinese):
    _, english_text, chinese_text = twins(chinese)
    assert commands_of(english_text) - commands_of(chinese_text) == set()


def test_commands_are_found_in_code_alone():
    text = (
        "--no `x --a-b=1`\n\n```sh\nbert-cpu predict runs/x --json  # make no\n"
        ".venv/bin/python -m bench.vectors\n```\nmake no\n"
    )
    expected = {"--a-b", "bert-cpu predict", "--json", "python -m bench.vectors"}
    assert commands_of(text) == expected

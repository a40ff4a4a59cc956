"""Two parsers of one command line must agree, and the quick one imports little."""

import dataclasses
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_cpu import cli
from bert_cpu.commands.parse_quickly import parse_quickly
from bert_cpu.errors import UserError
from bert_cpu.parse_arguments import parse_arguments
from bert_cpu.quick_subcommands import QUICK_COMMANDS

# Values that one type or another takes, refuses, or reads its own way.
VALUES = [
    *("text", "None", "", "0", "3", "-1", "+2", "1_0", "٣", "2.5", "True"),
    *("int8", "float32", "bfloat16", "a b", "x=y", "-", "--", "好"),
]
WORDS = [
    *("runs/a", "--help", "-h", "-x", "--nowhere", "--no-json", "--json=True"),
    *("-_json", "--_json", "--threads=2", "--text_pair=b", "--variant=float32"),
    *("--text=", "--file=None", "--top=0", "@file"),
]


NEEDED = {
    "predict": ["runs/a"],
    "search": ["runs/a", "--file", "a.csv"],
    "fsck": ["records"],
    "hardware": [],
}


def options_of(kind):
    names = [field.name for field in dataclasses.fields(kind)]
    return [f"--{name}" for name in names] + [
        f"--{name.replace('_', '-')}" for name in names
    ]


@pytest.mark.parametrize("name", QUICK_COMMANDS)
def test_what_is_read_quickly_is_what_the_parser_of_all_reads(name):
    kind = QUICK_COMMANDS[name]
    option = st.sampled_from(options_of(kind))
    part = st.one_of(
        st.tuples(option, st.sampled_from(VALUES)).map(list),
        st.sampled_from(VALUES + WORDS + options_of(kind)).map(lambda word: [word]),
    )
    read = []

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(st.lists(part, max_size=3).map(lambda parts: sum(parts, [])))
    def check(words):
        for typed in (words, [*NEEDED[name], *words]):
            quick = parse_quickly(kind, typed)
            if quick is not None:
                read.append(typed)
                assert quick == parse_arguments([name, *typed]), typed

    check()
    assert len(read) > 10


@pytest.mark.parametrize(
    "words, given",
    [
        ("predict runs/a --json good", {"texts": ("good",), "json": True}),
        ("predict --threads 2 runs/a good bad", {"texts": ("good", "bad")}),
        ("predict runs/a --file=a.csv --text_pair b", {"file": "a.csv"}),
        ("predict runs/a --variant int8 --instances 1", {"variant": "int8"}),
        ("search runs/a --file a.csv what --top 3", {"queries": ("what",), "top": 3}),
        ("fsck records --encoder minilm", {"encoder": "minilm"}),
        ("hardware --dtype bfloat16 --tune", {"dtype": "bfloat16", "tune": True}),
    ],
)
def test_usual_command_lines_are_read_quickly(words, given):
    name, *words = words.split()
    command = parse_quickly(QUICK_COMMANDS[name], words)
    assert {field: getattr(command, field) for field in given} == given
    assert command == parse_arguments([name, *words])


@pytest.mark.parametrize(
    "words",
    [
        *("predict", "predict runs/a --threads two", "predict runs/a --nam x"),
        *("predict runs/a --threads", "search runs/a what", "hardware --dtype half"),
        *("predict a b --json c", "fsck a b", "search runs/a --file f --top 0"),
    ],
)
def test_mistakes_are_left_to_the_parser_of_all(words):
    name, *words = words.split()
    assert parse_quickly(QUICK_COMMANDS[name], words) is None
    with pytest.raises(UserError, match="See bert-cpu"):
        cli._parse([name, *words])


def test_a_plain_command_line_does_without_the_parser_of_all():
    code = (
        "import sys; from bert_cpu import cli\n"
        "command = cli._parse(['predict', 'runs/a', '--json', 'good'])\n"
        "assert command.texts == ('good',)\n"
        "slow = ('tyro', 'rich', 'argparse', 'inspect', 'numpy', 'bert_cpu.settings')\n"
        "print([name for name in slow if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    # Data classes need `inspect`.
    assert done.stdout == "['inspect']\n"

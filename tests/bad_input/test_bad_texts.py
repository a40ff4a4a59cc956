"""Texts that cannot be answered."""

import pytest
from files_typed import write_rows
from tiny_command import bert_cpu


@pytest.mark.parametrize(
    "options, stdin, mistake",
    [
        (("--file", "no.csv"), b"", "There is no file 'no.csv'. Check the name."),
        (
            ("--file", "a.csv", "--text", "say"),
            b"",
            "a.csv line 2 has no column 'say' (it has: text, label). Name one of them "
            "with --text.",
        ),
        (
            (),
            b"caf\xe9\n",
            "Line 1 of standard input is not UTF-8 (byte 3 of it). Convert the texts "
            "to UTF-8.",
        ),
        ((), b"", "There is no text to answer. Give at least one."),
        (
            ("one", "--pair", "two"),
            b"",
            "Text 1: The model reads one text at a time, but got a pair of texts. Give "
            "it what it was trained on.",
        ),
    ],
)
def test_texts_that_cannot_be_answered(reviews_run, here, options, stdin, mistake):
    write_rows("a.csv", 3)
    outcome = bert_cpu("predict", reviews_run.directory, *options, stdin=stdin)
    assert outcome.mistake == mistake


def test_a_line_without_a_second_text_is_told(reviews_run):
    outcome = bert_cpu("predict", reviews_run.directory, "--text-pair=b", stdin=b"one")
    assert outcome.code == 2
    assert outcome.out == (
        "error\tLine 1 of standard input has no tab between two texts. Put one there, "
        "or leave out --text-pair.\n"
    )
    assert outcome.err == (
        "bert-cpu: 1 of 1 text could not be answered. Their lines say why: mend them, "
        "or leave them out.\n"
    )


def test_what_was_answered_before_a_mistake_stays(reviews_run, here):
    outcome = bert_cpu("predict", reviews_run.directory, stdin=b"film\ncaf\xe9\n")
    assert outcome.code == 2
    assert outcome.out.count("\n") == 1
    assert outcome.err.startswith("bert-cpu: Line 2 of standard input is not UTF-8")


def test_a_variant_that_there_is_not(reviews_run):
    said = bert_cpu("predict", reviews_run.directory, "x", "--variant", "int4").mistake
    assert said.startswith("--variant is 'int4', but must be one of '")
    assert said.count("'") == 6, "None is no variant"

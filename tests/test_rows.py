"""Files read row by row: what comes out, and what is refused with its line."""

import csv
import errno
import json
import os
import pathlib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.errors import UserError
from bert_cpu.text import rows as rows_module
from bert_cpu.text.conll import read_conll
from bert_cpu.text.rows import read_rows, text_of

# What a text file can hold: no half characters, and no NUL. Lines are of a
# single kind: Python's csv writer can't quote a lone carriage return for itself.
FIELD = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20
)


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def values(path):
    return [row for _, row in read_rows(path)]


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".tsv", "\t")])
@given(table=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=5))
def test_what_the_csv_module_writes_comes_back(
    tmp_path_factory, suffix, delimiter, table
):
    path = tmp_path_factory.mktemp("rows") / f"a{suffix}"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([("x", "y"), *table])
    assert [(row["x"], row["y"]) for row in values(path)] == table


@given(table=st.lists(st.dictionaries(FIELD, FIELD | st.integers()), min_size=1))
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_lines_come_back(tmp_path_factory, ascii_only, table):
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    lines = [json.dumps(row, ensure_ascii=ascii_only) for row in table]
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    assert values(path) == table


def test_plain_text_is_one_text_a_line_and_keeps_blank_ones(tmp_path):
    path = write(tmp_path, "a.txt", "one\r\n\n 三\u2028 \nlast")
    assert list(read_rows(path)) == [
        ("a.txt line 1", {"text": "one"}),
        ("a.txt line 2", {"text": ""}),
        ("a.txt line 3", {"text": " 三\u2028 "}),
        ("a.txt line 4", {"text": "last"}),
    ]


def test_a_format_of_the_callers_comes_beside_the_others_or_in_their_place(tmp_path):
    def read_words(path):
        for number, word in enumerate(path.read_text().split()):
            yield f"word {number}", {"text": word}

    formats = {".words": read_words, ".txt": read_words}
    expected = [("word 0", {"text": "a"}), ("word 1", {"text": "好"})]
    for name in ("a.words", "a.txt", "a.TXT"):
        assert list(read_rows(write(tmp_path, name, "a 好\n"), formats)) == expected
    assert list(read_rows(write(tmp_path, "a.csv", "text\na 好\n"), formats)) == [
        ("a.csv line 2", {"text": "a 好"})
    ]
    # What is asked of all files is asked of them, too.
    with pytest.raises(UserError, match=r"a\.words' has no rows"):
        list(read_rows(write(tmp_path, "a.words", " "), formats))
    with pytest.raises(UserError, match=r"that ends in \.csv, .*\.txt, \.words\.$"):
        read_rows(write(tmp_path, "a.xlsx", "PK"), formats)


def test_a_position_is_where_the_row_begins(tmp_path):
    path = write(tmp_path, "a.csv", 'text,label\n"two\nlines",1\n\nlast,2\n')
    assert [position for position, _ in read_rows(path)] == [
        "a.csv line 2",
        "a.csv line 5",
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.TSV", "a.jsonl", "a.txt"])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path, name):
    content = '{"text": "x"}' if name == "a.jsonl" else "text\nx"
    path = write(tmp_path, name, b"\xef\xbb\xbf" + content.encode())
    assert values(path)[-1] == {"text": "x"}
    assert values(path)[0]["text"] in ("x", "text")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", 't,l\na,b\n"c"d,e\n', r"a\.csv line 3 is not well formed .*quotes"),
        ("a.csv", 't,l\na,b\nc,"d\ne\nf\n', r"a\.csv line 3 is not .*unexpected end"),
        ("a.tsv", 't\tl\n"a" b\tc\n', r"a\.tsv line 2 is not well formed"),
        ("a.csv", "t,l\na,b,c\n", r"line 2 has 3 columns, but the first row has 2"),
        ("a.csv", "t,l\na\n", r"line 2 has 1 columns, but the first row has 2"),
        ("a.csv", "t,t\na,b\n", r"line 1 names the column 't' twice"),
        ("a.csv", "t,l\n", r"a\.csv' has no rows"),
        ("a.csv", "", r"a\.csv' has no rows"),
        ("a.jsonl", "\n\n", r"a\.jsonl' has no rows"),
        ("a.txt", "", r"a\.txt' has no rows"),
        (
            "a.csv",
            b"t,l\na,\xff\n",
            r"line 2 is not UTF-8 \(byte 6 of the file is 0xff",
        ),
        ("a.csv", b"\xef\xbb\xbft\n\xe9\n", r"line 2 is not UTF-8 \(byte 5 .* 0xe9"),
        ("a.txt", "好".encode("gb18030"), r"line 1 is not UTF-8 \(byte 0 "),
        ("a.txt", "text".encode("utf-16"), r"line 1 is not UTF-8 \(byte 0 .* 0xff"),
        ("a.csv", b"t,l\na,\0\n", r"line 2 holds a NUL byte"),
        ("a.jsonl", '{"a": 1}\n{"a": }\n', r"line 2 is not well-formed JSON"),
        ("a.jsonl", '{"a": 1} {"a": 2}\n', r"line 1 is not well-formed JSON"),
        ("a.jsonl", '{"a": NaN}\n', r"line 1 is not well-formed JSON \(NaN"),
        (
            "a.jsonl",
            '{"a": "\\ud83d"}\n',
            r"line 1 is not well-formed JSON .*surrogate",
        ),
        ("a.jsonl", "[" * 100_000, r"line 1 is not well-formed JSON"),
        ("a.jsonl", "[1]\n", r"line 1 holds a JSON list, but an object was expected"),
        (
            "a.xlsx",
            "PK",
            r"ends in '\.xlsx', which is not known.*\.csv, \.tsv, \.jsonl",
        ),
        ("a", "text", r"/a' has no ending to know it by\. Give a file that ends in"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path, name, content, message):
    path = write(tmp_path, name, content)
    with pytest.raises(UserError, match=message) as caught:
        list(read_rows(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 't\n"never closed\n'),
        ("a.tsv", "t\tl\na\n"),
        ("a.jsonl", "[1]\n"),
        ("a.conll", "Rome B-LOC\nis O extra\n"),
    ],
)
def test_a_broken_file_is_closed_while_its_error_is_at_hand(
    tmp_path, monkeypatch, name, content
):
    path = write(tmp_path, name, content + "more\n")
    opened = []
    plain_open = pathlib.Path.open

    def remember(*arguments):
        opened.append(plain_open(*arguments))
        return opened[-1]

    monkeypatch.setattr("pathlib.Path.open", remember)
    with pytest.raises(UserError) as caught:
        list(read_rows(path, {".conll": read_conll}))
    assert [file.closed for file in opened] == [True]
    assert caught.value.__traceback__  # It still holds the frames that read.


def test_a_missing_file_and_a_directory_are_refused_at_once(tmp_path):
    with pytest.raises(UserError, match=r"There is no file '.*gone\.csv'"):
        read_rows(tmp_path / "gone.csv")
    with pytest.raises(UserError, match="is a directory, but a file was expected"):
        read_rows(tmp_path)


def test_a_file_that_the_system_refuses_is_reported(tmp_path, monkeypatch):
    path = write(tmp_path, "a.txt", "text")

    def refuse(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(UserError, match=r"a\.txt' can't be read \(Permission denied"):
        list(read_rows(path))


def test_long_texts_are_read_and_endless_ones_refused(tmp_path, monkeypatch):
    long = "word " * 100_000  # Over the csv module's own limit of 131,072.
    assert values(write(tmp_path, "a.csv", f"text\n{long}\n"))[0]["text"] == long
    monkeypatch.setattr(rows_module, "MAX_LENGTH", 1000)
    with pytest.raises(UserError, match="line 2 is longer than 1,000 bytes"):
        values(write(tmp_path, "b.csv", f"text\n{long}\n"))


def test_a_quote_that_nobody_closed_does_not_swallow_the_rest_of_a_large_file(tmp_path):
    line = "x" * 2**20 + "\n"
    with (tmp_path / "a.csv").open("w") as file:
        file.write('text\n"')
        file.writelines([line] * 20)
    with pytest.raises(UserError, match=r"a\.csv line 2 is not well formed .*limit"):
        values(tmp_path / "a.csv")


def test_memory_does_not_grow_with_the_file(tmp_path):
    def peak(count):
        path = tmp_path / f"{count}.csv"
        with path.open("w") as file:
            file.write("text,label\n")
            file.writelines(f"a text of number {i},{i % 2}\n" for i in range(count))
        tracemalloc.start()
        assert sum(1 for _ in read_rows(path)) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    # Ten times the rows, and no more than a buffer's worth of difference.
    assert peak(20_000) - peak(2_000) < 20_000


def test_a_text_is_found_by_its_column():
    row = ("a.jsonl line 3", {"text": "x", "label": 1})
    assert text_of(row, "text") == "x"
    with pytest.raises(
        UserError, match=r"line 3 has no column 'review' \(it has: text"
    ):
        text_of(row, "review")
    with pytest.raises(UserError, match="with --label-of-mine"):
        text_of(row, "review", "--label-of-mine")
    with pytest.raises(UserError, match="line 3 has 1 in column 'label', but a string"):
        text_of(row, "label")

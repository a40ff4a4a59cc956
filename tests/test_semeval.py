"""SemEval-2010 task 8's own files: what comes out, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.errors import UserError
from bert_cpu.text.rows import read_rows
from bert_cpu.text.semeval import read_semeval

FILE = (
    '1\t"The <e1>smoke</e1> came from a "small" <e2>fire</e2>."\r\n'
    "Cause-Effect(e2,e1)\r\n"
    "Comment: (a) holds, \t even here.\r\n"
    "\r\n"
    '27\t"<e1>暴雨</e1>引发了<e2>洪水</e2>。"\r\n'
    "因果(e1,e2)\r\n"
    "\r\n"
    '3\t" A <e1>cup</e1> and a <e2>spoon</e2> "\r\n'
    "Other\r\n"
    "Comment:\r\n"
)
ROWS = [
    (
        "a.TXT line 1",
        {
            "text": 'The <e1>smoke</e1> came from a "small" <e2>fire</e2>.',
            "label": "Cause-Effect(e2,e1)",
        },
    ),
    (
        "a.TXT line 5",
        {"text": "<e1>暴雨</e1>引发了<e2>洪水</e2>。", "label": "因果(e1,e2)"},
    ),
    (
        "a.TXT line 8",
        {"text": " A <e1>cup</e1> and a <e2>spoon</e2> ", "label": "Other"},
    ),
]
# What stands on one line: without characters that end it, or none that text holds.
LINE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1)


def read(tmp_path, content):
    path = tmp_path / "a.TXT"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path, {".txt": read_semeval}))


def test_sentences_come_with_their_relation_and_without_quotes(tmp_path):
    assert read(tmp_path, FILE) == ROWS


def test_lines_may_end_the_unix_way_and_a_byte_order_mark_is_no_text(tmp_path):
    assert read(tmp_path, b"\xef\xbb\xbf" + FILE.replace("\r", "").encode()) == ROWS


def test_blank_lines_and_comments_may_be_missing_or_many(tmp_path):
    content = '1\t"a"\nR\n2\t"b"\nS\nComment: x\nComment: y\n\n\nComment\n\n3\t"c"\nT'
    assert [(row["text"], row["label"]) for _, row in read(tmp_path, content)] == [
        ("a", "R"),
        ("b", "S"),
        ("c", "T"),
    ]


def test_a_file_whose_relations_were_taken_out_gives_sentences_alone(tmp_path):
    rows = read(tmp_path, '8001\t"a <e1>b</e1>"\n8002\t"c"\n\n8003\t"d"\n')
    assert [row for _, row in rows] == [
        {"text": "a <e1>b</e1>"},
        {"text": "c"},
        {"text": "d"},
    ]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("semeval")


@given(sentences=st.lists(st.tuples(LINE, LINE), min_size=1, max_size=5))
def test_any_sentence_comes_back(directory, sentences):
    path = directory / "a.txt"
    names = [f"R{number}(e1,e2)" for number in range(len(sentences))]
    path.write_text(
        "\n".join(
            f'{number}\t"{text}"\n{names[number]}\nComment: {comment}\n'
            for number, (text, comment) in enumerate(sentences)
        ),
        encoding="utf-8",
        newline="",
    )
    rows = [row for _, row in read_semeval(path)]
    assert [row["text"] for row in rows] == [text for text, _ in sentences]
    assert [row["label"] for row in rows] == names


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "A sentence that is no more than a line of text\n",
            r"^a\.TXT line 1 is 'A sentence that is no more than a line o…', but a "
            r"number, a tab and a sentence in quotes \(\"…\"\) was expected\. Mend ",
        ),
        ('1 "spaces, not a tab"\n', "line 1 is '1 \"spaces, not a tab\"', but a num"),
        ('1\t"a"\nR\n\n2\t"never closed\nS\n', "line 4 is '2\t\"never closed', but a"),
        (
            '1\t"a"\nComment: x\n',
            "line 2 is 'Comment: x', but the relation of the sentence above it was",
        ),
        ('1\t"a"\n2\tno quotes\n', "line 2 is '2\tno quotes', but the relation of"),
        ('1\t"a"\n2 "no tab"\n', "line 2 is '2 \"no tab\"', but the relation of"),
        (
            '1\t"a"\nR\nS\n',
            "line 3 is 'S', but a comment, a blank line or the next sentence was",
        ),
        ('1\t"a"\nR\nComment:\nmore\n', "line 4 is 'more', but a comment, a blank"),
        ("\nComment: nothing else\n", r"a\.TXT' has no rows"),
        ("", r"a\.TXT' has no rows"),
        ('1\t"é"\nR\n'.encode("latin-1"), r"a\.TXT line 1 is not UTF-8"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path, content, message):
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused_at_once(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        read_semeval(tmp_path / "gone.txt")

"""Files in columns are read to sentences, and sentences to texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.errors import UserError
from bert_cpu.text.conll import read_conll
from bert_cpu.text.join_tokens import join_tokens


def rows(tmp_path, content):
    path = tmp_path / "a.conll"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_conll(path))


def sentences(tmp_path, content):
    return [
        list(zip(values["tokens"], values["tags"], strict=True))
        for _, values in rows(tmp_path, content)
    ]


def test_a_row_is_a_sentence_with_the_line_of_each_token(tmp_path):
    content = "@paulwalk\tO\nEmpire\tB-location\nState\tI-location\n\n\n吴\tS-PER\n"
    assert rows(tmp_path, content) == [
        (
            "a.conll line 1",
            {
                "tokens": ["@paulwalk", "Empire", "State"],
                "tags": ["O", "B-location", "I-location"],
                "lines": ["a.conll line 1", "a.conll line 2", "a.conll line 3"],
            },
        ),
        (
            "a.conll line 6",
            {"tokens": ["吴"], "tags": ["S-PER"], "lines": ["a.conll line 6"]},
        ),
    ]


@pytest.mark.parametrize("blank", ["\n", "\t\n", " \n", "\r\n", "\n\n\t\n", "  \t \n"])
def test_sentences_end_at_lines_with_nothing_to_see(tmp_path, blank):
    expected = [[("a", "O")], [("b", "O")]]
    assert sentences(tmp_path, f"a\tO\n{blank}b\tO") == expected
    assert sentences(tmp_path, f"{blank}a\tO\n{blank}b\tO\n{blank}") == expected


@pytest.mark.parametrize(
    "content",
    [
        "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n",
        "EU   NNP  B-NP B-ORG \r\nrejects VBZ B-VP O\r\n",
        "EU\tNNP\tB-NP\tB-ORG\nrejects\tVBZ\tB-VP\tO\n",
        "\ufeff-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n",
        "-DOCSTART- O\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n-DOCSTART- O\n",
        "# id = 1\n# text = EU rejects vitamin O\nEU _ _ B-ORG\nrejects _ _ O\n",
        "EU\tB-ORG\n#a comment\n# O is a comment: 6 columns O\nrejects\tO\n",
    ],
)
def test_columns_may_be_parted_by_spaces_and_have_others_between(tmp_path, content):
    assert sentences(tmp_path, content) == [[("EU", "B-ORG"), ("rejects", "O")]]


def test_a_hash_sign_with_a_tag_is_a_token(tmp_path):
    content = "#\tO\n#NFL\tB-group\n# comment\n#\n\n#metoo O\n"
    assert sentences(tmp_path, content) == [
        [("#", "O"), ("#NFL", "B-group")],
        [("#metoo", "O")],
    ]


def test_only_a_tab_parts_columns_where_there_is_one(tmp_path):
    content = "New York\tB-LOC\nDubbz\ufeff\tO\na\u00a0b\tO\n"
    assert sentences(tmp_path, content) == [
        [("New York", "B-LOC"), ("Dubbz\ufeff", "O"), ("a\u00a0b", "O")]
    ]
    assert sentences(tmp_path, "a\u00a0b O\n\u3000吴 O\n") == [
        [("a\u00a0b", "O"), ("\u3000吴", "O")]
    ]


@pytest.mark.parametrize(
    "content, message",
    [
        ("a\tO\nb\n", "a.conll line 2 holds 'b', but a token and its tag were expect"),
        ("a\tO\n\tO\n", "a.conll line 2 holds 'O', but a token and its tag were"),
        ("\na O\nb X O\n", "line 3 has 3 columns, but a.conll line 2 has 2. Give all"),
        (b"a\tO\n\xff\tO\n", "a.conll line 2 is not UTF-8"),
        (b"a\tO\n\n\0\tO\n", "a.conll line 3 holds a NUL byte"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(tmp_path, content, message):
    with pytest.raises(UserError, match=message) as caught:
        rows(tmp_path, content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "tokens, text",
    [
        (["Mr.", "Wu", "'s", "cat"], "Mr. Wu 's cat"),
        (["吴", "先生", "来", "了", "。"], "吴先生来了。"),
        (["1", "9", "9", "8", "年", "I", "B", "M"], "1998年IBM"),
        (["在", "Rome", "见"], "在 Rome 见"),
        (["我", "在", "ＮＢＡ", "１９", "，", "好"], "我在 ＮＢＡ １９ ，好"),
        (["1", "9", "9", "8"], "1 9 9 8"),
        ([], ""),
    ],
)
def test_tokens_are_joined_as_their_language_is_written(tokens, text):
    assert join_tokens(tokens)[0] == text


@given(st.lists(st.text("ab吴ｂか，e\u0301👩\u200d ", min_size=1)))
def test_each_token_is_found_where_the_join_says_it_is(tokens):
    text, places = join_tokens(tokens)
    assert [text[start:end] for start, end in places] == tokens
    between = [0, *(place for pair in places for place in pair), len(text)]
    gaps = [text[a:b] for a, b in zip(between[::2], between[1::2], strict=True)]
    assert set(gaps) <= {"", " "}

"""Documents: every form of file gives the sentences that are in it."""

import json

import pytest

from bert_cpu.data.pretraining.corpus import Corpus
from bert_cpu.data.pretraining.documents import documents_of, read_documents
from bert_cpu.data.pretraining.sentences import split_sentences
from bert_cpu.errors import UserError

# What a reader of the language would say.
SENTENCES = [
    ["Dr. Li paid $3.50 to Mr. Wu.", "Was it fine?", "Yes!"],
    ['"Come in," she said.', "He did."],
    ["他说：“今天很冷。”", "然后走了。", "真的吗？！", "是的。"],
    ["价格是3.5元。", "不贵……"],
    ["我用 Mac.", "很好！", "It works."],
]


@pytest.mark.parametrize("expected", SENTENCES)
def test_sentences_end_where_a_reader_says(expected):
    has_spaces = " " in expected[0]
    assert split_sentences((" " if has_spaces else "").join(expected)) == expected


@pytest.mark.parametrize("text", ["", "  ", "\u3000\n"])
def test_nothing_has_no_sentence(text):
    assert split_sentences(text) == []


def read(path, content, **settings):
    path.write_text(content, encoding="utf-8")
    return list(read_documents(path, **settings))


def test_blank_lines_part_documents_of_a_sentence_a_line(tmp_path):
    content = "\n\nOne. Not split.\n 二。\n\n \n\nThree.\n"
    expected = [["One. Not split.", "二。"], ["Three."]]
    assert read(tmp_path / "a.txt", content) == expected


def test_lines_are_documents_if_asked(tmp_path):
    content = "One. Two!\n\n一。二！\n"
    expected = [["One.", "Two!"], [], ["一。", "二！"]]
    assert read(tmp_path / "a.txt", content, one_per_line=True) == expected


def test_rows_are_documents(tmp_path):
    rows = [{"body": "一。二！\nThree."}, {"body": " "}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    expected = [["一。", "二！", "Three."], []]
    assert read(tmp_path / "a.jsonl", lines, column="body") == expected
    table = 'body,n\n"一。二！\nThree.",1\n" ",2\n'
    assert read(tmp_path / "a.csv", table, column="body") == expected
    assert list(documents_of(row["body"] for row in rows)) == expected


def test_files_of_a_directory_are_documents(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.txt").write_text("一。二。\n三。\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text("One.\n\nTwo.\n")
    (tmp_path / "c.txt").write_text("")
    (tmp_path / "notes.md").write_text("Not read.")
    documents = list(read_documents(tmp_path))
    assert sorted(documents) == [[], ["One.", "Two."], ["一。", "二。", "三。"]]


def test_a_document_without_end_is_cut(tmp_path):
    lengths = [len(d) for d in read(tmp_path / "a.txt", "Yes.\n" * 25_000)]
    assert lengths == [10_000, 10_000, 5_000]


def test_a_directory_without_texts_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no .txt file in it.*Name another directory"):
        read_documents(tmp_path)


def test_what_is_not_utf8_is_refused_with_its_line(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"One.\n" + "二。\n".encode("gbk"))
    with pytest.raises(UserError, match=r"a.txt line 2 is not UTF-8.*Save the file"):
        list(read_documents(tmp_path / "a.txt"))


def corpus_of(documents, num_held_out=2):
    return Corpus("made-up", lambda: iter(documents), num_held_out)


def test_every_document_with_text_is_in_one_split():
    documents = [[f"Text {number}.", "好。"] for number in range(2000)]
    corpus = corpus_of([*documents, [], []])
    splits = {split: list(corpus.documents(split)) for split in corpus.num_documents}
    assert sorted(splits["train"] + splits["validation"]) == sorted(documents)
    assert {split: len(d) for split, d in splits.items()} == corpus.num_documents
    # One in twenty of 2,000: 100, with a standard deviation of 10.
    assert 60 < corpus.num_documents["validation"] < 140
    assert corpus.num_empty == 2
    expected = [sentence for document in splits["train"] for sentence in document]
    assert list(corpus.sentences("train")) == expected


@pytest.mark.parametrize("num_documents", range(4, 40))
def test_a_small_corpus_has_enough_in_both_splits(num_documents):
    corpus = corpus_of([[f"文 {number}"] for number in range(num_documents)])
    assert min(corpus.num_documents.values()) >= 2
    assert sum(corpus.num_documents.values()) == num_documents


def test_other_documents_move_none():
    documents = [[f"Text {number}."] for number in range(200)]
    more = [[f"Another {number}."] for number in range(200)]
    before = corpus_of(documents).documents("validation")
    after = list(corpus_of(more + documents).documents("validation"))
    assert all(document in after for document in before)


def test_empty_documents_alone_are_refused():
    with pytest.raises(UserError, match=r"no document with text.*2 are empty.*Give"):
        corpus_of([[], []])


def test_too_few_documents_are_refused():
    repeated = [["One."]] * 5
    with pytest.raises(UserError, match=r"has 5 documents.*4 different.*blank lines"):
        corpus_of(repeated)
    with pytest.raises(UserError, match=r"has 1 documents.*2 different.*blank lines"):
        corpus_of([["One."]], num_held_out=1)

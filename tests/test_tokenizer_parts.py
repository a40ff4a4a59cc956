"""A tokenizer out of its two files is the one that was written."""

import json

import pytest
from tokenizers import Tokenizer, models

from bert_cpu.data.minilm import minilm_directory
from bert_cpu.text.tokenizer_parts import (
    PARTS,
    WHOLE,
    files_to_open,
    open_parts,
    open_tokenizer,
    write_parts,
)

TEXTS = (
    "A quiet, lovely film (9/10), déjà vu [MASK] <e1>here</e1>!",
    "中文 ｆｕｌｌ　ｗｉｄｔｈ 😀 unbelievableness",
    "",
)


@pytest.fixture
def minilm():
    return Tokenizer.from_file(str(minilm_directory() / WHOLE))


def test_it_reads_as_the_whole_file_does(minilm, tmp_path):
    minilm.enable_truncation(12)
    assert write_parts(minilm, tmp_path)
    vocabulary = json.loads((tmp_path / PARTS[1]).read_text())["model"]["vocab"]
    assert set(vocabulary) == {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    found = open_parts(tmp_path)
    assert found.to_str() == minilm.to_str()
    for text in TEXTS:
        assert found.encode(text).ids == minilm.encode(text).ids
        assert found.encode(text, "and another").ids == (
            minilm.encode(text, "and another").ids
        )


@pytest.mark.parametrize(
    "vocabulary",
    [
        {"[UNK]": 0, "a": 1, "b ": 2},
        {"[UNK]": 0, "a": 1, "b\nc": 2},
        {"[UNK]": 0, "a": 1, "b": 3},
    ],
)
def test_what_lines_cannot_hold_is_not_written(vocabulary, tmp_path):
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    assert not write_parts(tokenizer, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_not_of_the_vocabulary_and_other_models_are_not_written(
    minilm, tmp_path
):
    minilm.add_special_tokens(["[E1]"])  # Behind the vocabulary's last word.
    others = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    for tokenizer in (minilm, others):
        assert not write_parts(tokenizer, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("there", "opened"), [((*PARTS, WHOLE), PARTS), ((WHOLE, PARTS[0]), (WHOLE,))]
)
def test_both_parts_are_opened_or_the_whole(there, opened, minilm, tmp_path):
    write_parts(minilm, tmp_path)
    minilm.save(str(tmp_path / WHOLE))
    assert files_to_open(there) == opened
    assert open_tokenizer(tmp_path, opened).to_str() == minilm.to_str()

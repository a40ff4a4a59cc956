"""Vocabularies: deterministic, whole, and refused where they don't cover."""

import itertools
import pathlib
import subprocess
import sys

import pytest
from tokenizers import Tokenizer
from transformers import BertTokenizerFast

from bert_cpu.data.pretraining.coverage import Coverage
from bert_cpu.data.pretraining.pieces import Pieces
from bert_cpu.data.pretraining.vocabulary import train_vocabulary
from bert_cpu.errors import UserError

ENGLISH = [
    "The film was filmed in a filming town; the filmers loved filming.",
    "Lovely, lovelier, loveliest: love lives longer than the longest film.",
    "A café in Zürich.",
    "A café in Zürich.",
]
CHINESE = [
    "他们很高兴，我们也很高兴。",
    "BERT 读中文，bert 读英文。",
    "高兴的他们读书。",
] * 2
TEXTS = ENGLISH + CHINESE


def words_of(tokenizer):
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.get)


def coverage_of(tokenizer, texts):
    backend = tokenizer.backend_tokenizer
    coverage = Coverage(backend)
    coverage.add(texts, backend.encode_batch(texts, add_special_tokens=False))
    return coverage


def test_special_pieces_have_their_places():
    words = words_of(train_vocabulary(TEXTS, 120))
    unused = [f"[unused{number}]" for number in range(10)]
    assert words[:15] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *unused]
    assert len(words) <= 120


def test_the_same_texts_give_the_same_vocabulary():
    # Ties are many here, and the library breaks them another way each time.
    texts = ["wel come to the tok en izers libr ary of filmy films 好书"]
    expected = words_of(train_vocabulary(texts, 90, min_count=1))
    assert any(len(word) > 4 for word in expected[15:])
    for order in itertools.islice(itertools.permutations(texts[0].split()), 30):
        assert words_of(train_vocabulary(order, 90, min_count=1)) == expected


def test_another_process_gives_the_same_vocabulary():
    program = (
        "from bert_cpu.data.pretraining.vocabulary import train_vocabulary\n"
        f"v = train_vocabulary({TEXTS!r}, 120).get_vocab()\n"
        "print(*sorted(v, key=v.get))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program],
        cwd=pathlib.Path(__file__).parent.parent,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert output.split() == words_of(train_vocabulary(TEXTS, 120))


def test_chinese_gets_characters_and_english_gets_pieces():
    words = words_of(train_vocabulary(TEXTS, 200, min_count=1))
    han = [word for word in words if any("\u4e00" <= c <= "\u9fff" for c in word)]
    assert sorted(han) == sorted(
        {c for text in CHINESE for c in text if "\u4e00" <= c <= "\u9fff"}
    )
    assert "film" in words
    assert "##ing" in words


@pytest.mark.parametrize("lowercase", [True, False])
def test_case_is_kept_or_not_by_tokenizer_and_vocabulary(lowercase):
    tokenizer = train_vocabulary(TEXTS, 400, lowercase=lowercase, min_count=1)
    has_upper = any(word != word.lower() for word in words_of(tokenizer)[5:])
    assert has_upper is not lowercase
    assert coverage_of(tokenizer, TEXTS).num_unknown == 0
    assert ("é" in words_of(tokenizer)) is not lowercase
    tokens = tokenizer.tokenize("The")
    assert "".join(tokens).replace("##", "") == ("the" if lowercase else "The")


def test_it_comes_back_from_disk(tmp_path):
    tokenizer = train_vocabulary(TEXTS, 200, lowercase=False)
    tokenizer.save_pretrained(tmp_path)
    expected = [tokenizer(text)["input_ids"] for text in TEXTS]
    again = BertTokenizerFast.from_pretrained(tmp_path)
    assert [again(text)["input_ids"] for text in TEXTS] == expected
    light = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert [light.encode(text).ids for text in TEXTS] == expected


def test_rare_characters_are_left_out_first():
    texts = ["好" * 50 + "书" * 20 + "龘" * 2 + "饕"]
    tokenizer = train_vocabulary(texts, 17)
    assert words_of(tokenizer)[15:] == ["书", "好"]
    coverage = coverage_of(tokenizer, texts)
    assert (coverage.num_unknown, coverage.num_tokens) == (3, 73)
    # Once is under `min_count`.
    assert "饕" not in train_vocabulary(texts, 100).get_vocab()


def test_a_vocabulary_that_does_not_cover_is_refused():
    tokenizer = train_vocabulary(ENGLISH, 200, min_count=1)
    coverage = coverage_of(tokenizer, ["the film 很好很", "Привет"])
    assert coverage.unknown_share == pytest.approx(4 / 6)
    coverage.check(0.7)
    with pytest.raises(
        UserError, match=r"66.7% of all tokens.*for 很 .*10.0% at most.*--vocab-size"
    ):
        coverage.check(0.1)


def test_no_text_is_covered():
    coverage = coverage_of(train_vocabulary(ENGLISH, 200), [""])
    assert coverage.unknown_share == 0
    coverage.check(0.0)


def test_no_room_for_pieces_is_refused():
    with pytest.raises(UserError, match=r"--vocab-size is 15, but 15 places.*Ask for"):
        train_vocabulary(TEXTS, 15)


def test_pieces_say_what_each_is():
    tokenizer = train_vocabulary(TEXTS, 120)
    pieces, words = Pieces(tokenizer.get_vocab()), words_of(tokenizer)
    assert [words[number] for number in pieces.ordinary_ids] == words[15:]
    for word, special, continues in zip(
        words, pieces.is_special, pieces.is_continuation, strict=True
    ):
        assert special == (word in words[:5])
        assert continues == word.startswith("##")
    ids = (pieces.pad_id, pieces.cls_id, pieces.sep_id, pieces.mask_id)
    assert ids == (0, 2, 3, 4)


def test_a_vocabulary_without_mask_is_refused():
    with pytest.raises(UserError, match=r"has no \[MASK\].*Choose a BERT vocabulary"):
        Pieces({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4})

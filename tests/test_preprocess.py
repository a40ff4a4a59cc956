"""What is done to raw text, compared with unicodedata and with known words."""

import json
import logging
import subprocess
import sys
import tempfile
import threading
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.errors import UserError
from bert_cpu.text.normalize import normalize
from bert_cpu.text.preprocess import Preprocess
from bert_cpu.text.segment_chinese import segment_chinese, tag_chinese
from bert_cpu.text.stem import stem
from bert_cpu.text.stop_words import remove_stop_words

# Surrogates too: a Python string can hold them, whatever its source.
ANY_TEXT = st.text(st.characters(categories=None), max_size=40)
ENGLISH_WORDS = [
    "the",
    "Is",
    "it's",
    "not",
    "good",
    "films",
    "Running",
    "3rd",
    ".",
    "(“",
]
CHINESE_WORDS = ["这部", "电影", "好看", "了", "的", "，", "。", "我们", "吗", "a", "1"]
ENGLISH = st.lists(st.sampled_from(ENGLISH_WORDS)).map(" ".join)
CHINESE = st.lists(st.sampled_from(CHINESE_WORDS)).map("".join)
VISIBLE = "abc １２ ﬁ é ñ 好，。\u3000"


@given(ANY_TEXT)
def test_normalizing_twice_changes_nothing(text):
    assert normalize(normalize(text)) == normalize(text)


def test_every_character_normalizes_to_a_fixed_point_between_letters():
    for start in range(0, sys.maxunicode + 1, 4096):
        characters = map(chr, range(start, start + 4096))
        once = normalize("a" + "\u0301ba".join(characters))
        assert normalize(once) == once, hex(start)


@given(ANY_TEXT)
def test_normalized_text_has_nothing_unseen_and_only_single_spaces(text):
    cleaned = normalize(text)
    if cleaned == text:
        return  # Also where nothing visible was left.
    assert cleaned.split() == cleaned.split(" ")
    assert not {unicodedata.category(c) for c in cleaned} & {"Cc", "Cf", "Cs"}
    assert unicodedata.is_normalized("NFKC", cleaned)


@given(st.text(st.sampled_from(VISIBLE), max_size=30))
def test_normalizing_visible_text_is_nfkc_with_single_spaces(text):
    expected = " ".join(unicodedata.normalize("NFKC", text).split())
    assert normalize(text) == (expected or text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＢＥＲＴ　１２８，好！", "BERT 128,好!"),
        ("zero\u200bwidth\ufeff \u202eturned", "zerowidth turned"),
        ("two\r\n\tlines\x07", "two lines"),
        ("e\u200d\u0301", "é"),
        ("ﬁne ①", "fine 1"),
    ],
)
def test_known_texts_are_normalized(text, expected):
    assert normalize(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The film was a quiet, lovely one.", "film quiet, lovely."),
        ("Isn’t IT lovely?!", "lovely?!"),
        ("theatre", "theatre"),
        ("  (the acting)", "( acting)"),
    ],
)
def test_english_stop_words_go_and_punctuation_stays(text, expected):
    assert remove_stop_words(text, "english") == expected


def test_chinese_stop_words_go_and_punctuation_stays():
    kept = remove_stop_words("我们的房间很大，而且干净。", "chinese")
    assert kept == "房间很大，干净。"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Filming 3 films, they RUNNING ran!", "film 3 film, they run ran!"),
        ("dog’s nationalities", "dog nation"),
        ("B2B 4ever", "b2b 4ever"),
    ],
)
def test_english_words_are_cut_to_snowball_stems(text, expected):
    assert stem(text, "english") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("孩子们已经吃过了饭。", "孩子已经吃饭。"),
        ("你喜欢安静的电影吗？", "你喜欢安静电影？"),
        ("人们看着 BERT", "人们看着 BERT"),
    ],
)
def test_chinese_particles_and_suffixes_go(text, expected):
    assert stem(text, "chinese") == expected


@pytest.mark.parametrize("field", ["stop_words", "stem"])
@pytest.mark.parametrize("language", ["english", "chinese"])
@given(text=ANY_TEXT | ENGLISH | CHINESE)
def test_no_step_empties_a_text(field, language, text):
    result = Preprocess(normalize=True, **{field: language})(text)
    assert bool(result) == bool(text)
    if any(c.isalnum() for c in normalize(text)):
        assert any(c.isalnum() for c in result)


@pytest.mark.parametrize(
    ("preprocess", "text"),
    [
        (Preprocess(normalize=True), ""),
        (Preprocess(normalize=True), " \t"),
        (Preprocess(normalize=True), "\u200b"),
        (Preprocess(stop_words="english"), "It is."),
        (Preprocess(stop_words="chinese"), "我们的。"),
        (Preprocess(stem="chinese"), "了吗？"),
        (Preprocess(stem="english"), "?!"),
    ],
)
def test_a_text_of_nothing_else_stays_as_it_was(preprocess, text):
    assert preprocess(text) == text


@given(CHINESE)
def test_segments_joined_are_the_text(text):
    assert "".join(segment_chinese(text)) == text
    assert "".join(word for word, _ in tag_chinese(text)) == text


@given(ANY_TEXT)
def test_preprocessing_is_off_by_default(text):
    assert Preprocess().is_identity
    assert Preprocess()(text) == text
    assert not Preprocess(stem="english").is_identity


@given(
    st.builds(
        Preprocess,
        st.booleans(),
        st.sampled_from(["none", "english", "chinese"]),
        st.sampled_from(["none", "english", "chinese"]),
    )
)
def test_a_preprocess_survives_json(preprocess):
    fields = json.loads(json.dumps(preprocess.to_dict()))
    assert Preprocess.from_dict(fields) == preprocess


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"normalize": 1, "stop_words": "none", "stem": "none"}, "`normalize`.* is 1"),
        ({"normalize": True, "stop_words": "klingon", "stem": "none"}, "'klingon'"),
        ({"normalize": True, "stop_words": "none", "stem": ["none"]}, "`stem`"),
        ({"normalize": True}, "exactly the fields normalize, stop_words, stem"),
        ([], "exactly the fields"),
    ],
)
def test_a_damaged_preprocess_is_refused(fields, message):
    with pytest.raises(UserError, match=message):
        Preprocess.from_dict(fields)


def test_jieba_loads_no_cache_that_another_user_may_have_planted(tmp_path, project_dir):
    code = (
        "from bert_cpu.text.segment_chinese import tag_chinese\n"
        "print(tag_chinese('北京人很多'))\n"
    )
    (tmp_path / "jieba.cache").write_bytes(b"planted")
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"TMPDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8"},
        cwd=project_dir,
    )
    assert ran.stdout == "[('北京', 'ns'), ('人', 'n'), ('很多', 'm')]\n"
    assert ran.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["jieba.cache"]
    assert (tmp_path / "jieba.cache").read_bytes() == b"planted"


def test_words_added_to_the_shared_jieba_change_nothing():
    import jieba

    jieba.setLogLevel(logging.CRITICAL)
    jieba.dt.tmp_dir = tempfile.mkdtemp()
    jieba.add_word("他们很高兴", freq=10**9)
    assert segment_chinese("他们很高兴。") == ["他们", "很", "高兴", "。"]


def test_preprocessing_is_the_same_in_many_threads():
    preprocess = Preprocess(stem="english")
    texts = [f"nationalities running films {chr(97 + i)}ings" for i in range(26)] * 20
    results = [None] * len(texts)

    def work(start):
        for index in range(start, len(texts), 4):
            results[index] = preprocess(texts[index])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [preprocess(text) for text in texts]

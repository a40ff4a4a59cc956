"""Windows: every token of a long text is read, and found again in the text."""

import pytest
import tiny_questions
import tiny_records
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bert_cpu.errors import UserError
from bert_cpu.text.preprocess import Preprocess
from bert_cpu.text.windows import WindowReader

# English, Chinese, accents that are dropped, characters that become several tokens,
# and what the tokenizer leaves out.
TEXTS = st.text("ab lovefilming.! 好電影é한각\u200b\u0301☃", max_size=60)
LENGTHS = st.integers(8, 20)
# It knows the letters that the syllable 각 is made of.
KOREAN = tiny_questions.tokenizer()


def tokenizer():
    return tiny_records.tokenizer().backend_tokenizer


def read(
    text, text_pair=None, max_length=8, too_long="text", reads_with=None, **settings
):
    reader = WindowReader(reads_with or tokenizer(), max_length, too_long, **settings)
    (reading,) = reader([(text, text_pair)])
    return reading


def tokens_of(text, reads_with=None):
    """(id, start, end) of each token of a text that is read whole."""
    whole = (reads_with or tokenizer()).encode(text)
    tokens = zip(whole.ids, whole.offsets, strict=True)
    return [(number, *place) for number, place in tokens][1:-1]


def own_tokens(window, sequence=0):
    """(id, start, end) of each token of one of a window's texts."""
    return [
        (number, *place)
        for number, place, of in zip(
            window.ids, window.offsets, window.sequence_ids, strict=True
        )
        if of == sequence
    ]


def joined(windows, stride, sequence=0):
    """The tokens of all windows, after comparing those that neighbours share."""
    tokens = own_tokens(windows[0], sequence)
    for window in windows[1:]:
        more = own_tokens(window, sequence)
        assert more[:stride] == tokens[len(tokens) - stride :]
        assert len(more) > stride
        tokens += more[stride:]
    return tokens


@st.composite
def windows_and_strides(draw, num_special, least=8):
    max_length = draw(st.integers(least, 20))
    return max_length, draw(st.integers(0, max_length - num_special - 1))


@given(TEXTS, windows_and_strides(num_special=2))
@example("a" * 60, (8, 5))
@example("", (8, 5))
def test_windows_hold_a_whole_text_and_share_their_stride(text, sizes):
    max_length, stride = sizes
    reading = read(text, max_length=max_length, stride=stride)
    assert joined(reading.windows, stride) == tokens_of(text)
    assert not reading.is_cut
    special = tiny_records.tokenizer()
    for window in reading.windows:
        assert window.ids[0] == special.cls_token_id
        assert window.ids[-1] == special.sep_token_id
        assert set(window.type_ids) == {0}
    *full, last = map(len, reading.windows)
    assert set(full) <= {max_length}
    assert last <= max_length


@given(TEXTS, LENGTHS)
def test_a_text_that_fits_is_one_window(text, max_length):
    num_tokens = len(tokens_of(text)) + 2
    windows = read(text, max_length=max_length, stride=3).windows
    assert (len(windows) == 1) == (num_tokens <= max_length)


@given(TEXTS, TEXTS, windows_and_strides(num_special=3, least=12))
@example("각" * 9, "a b c d e f", (12, 4))
def test_windows_over_a_context_stand_beside_half_a_question(question, context, sizes):
    max_length, stride = sizes
    half = (max_length - 3) // 2
    assume(stride < max_length - 3 - half)
    asked = tokens_of(question, KOREAN)
    # The tokens of one character are all there, or none of them.
    kept = half
    while 0 < kept < len(asked) and asked[kept][1] < asked[kept - 1][2]:
        kept -= 1
    reading = read(question, context, max_length, "text_pair", KOREAN, stride=stride)
    assert joined(reading.windows, stride, sequence=1) == tokens_of(context, KOREAN)
    assert reading.is_cut == (len(asked) > half)
    for window in reading.windows:
        assert own_tokens(window) == asked[:kept]
        assert len(window) <= max_length
        types = [int(of == 1) for of in window.sequence_ids]
        assert window.type_ids[:-1] == types[:-1]
        assert window.type_ids[-1] == 1


def test_places_cut_the_words_out_of_the_text():
    text = "Loving, FILM 好的 lovelé!"
    cut = [text[start:end] for _, start, end in joined(read(text, stride=2).windows, 2)]
    assert "".join(cut) == text.replace(" ", "")
    assert "FILM" in cut
    assert "好" in cut


@pytest.mark.parametrize(
    "question, kept",
    [
        ("a b", ["a", "b"]),
        ("a b c d", ["a", "b", "c", "d"]),
        ("a b c d e f g h", ["a", "b", "c", "d"]),
        # In the middle of a word.
        ("a b film film filmlyly", ["a", "b", "film", "film"]),
        ("filmlylylylyly a", ["film", "##ly", "##ly", "##ly"]),
        ("a " * 99, ["a"] * 4),
    ],
)
def test_a_question_is_cut_to_half_a_window(question, kept):
    # Of 12 tokens, 3 are special: half of the others is 4.
    reading = read(question, "好 " * 20, 12, "text_pair", stride=1)
    for window in reading.windows:
        assert window.tokens[1 : window.tokens.index("[SEP]")] == kept
        assert len(window) <= 12


@pytest.mark.parametrize(
    "too_long, text_pair, max_length, most",
    [("text", None, 8, 5), ("text_pair", "b", 12, 4)],
)
def test_a_stride_as_long_as_a_window_is_refused(too_long, text_pair, max_length, most):
    read("a " * 50, text_pair, max_length, too_long, stride=most)
    with pytest.raises(UserError) as refusal:
        read("a", text_pair, max_length, too_long, stride=most + 1)
    assert str(refusal.value) == (
        f"--stride is {most + 1}, but windows of --max-length {max_length} can share "
        f"at most {most} tokens. Choose a smaller stride or longer windows."
    )


@pytest.mark.parametrize(
    "too_long, reads_apart, pair, is_empty",
    [
        ("text", False, ("", None), True),
        ("text", False, (" \u200b", None), True),
        ("text", False, ("a", None), False),
        ("text_pair", False, ("", ""), True),
        ("cut", True, ("", None), True),
        ("cut", True, ("", "a"), True),
        ("cut", True, ("a", ""), True),
        ("cut", True, ("a", "好"), False),
    ],
)
def test_a_text_without_tokens_is_empty(too_long, reads_apart, pair, is_empty):
    reading = read(*pair, 12, too_long, reads_apart=reads_apart)
    assert reading.is_empty == is_empty
    assert len(reading.windows) == 1


@given(st.lists(st.tuples(TEXTS, st.none() | TEXTS), max_size=5), LENGTHS)
def test_texts_that_are_read_apart_are_two_sequences(pairs, max_length):
    reader = WindowReader(tokenizer(), max_length, reads_apart=True)
    readings = reader(pairs)
    for (text, text_pair), reading in zip(pairs, readings, strict=True):
        (window,) = reading.windows
        wholes = [tiny_records.tokenizer()(text)["input_ids"]]
        assert cut(wholes[0], max_length) == window.ids
        if text_pair is None:
            assert reading.apart is None
        else:
            wholes.append(tiny_records.tokenizer()(text_pair)["input_ids"])
            assert cut(wholes[1], max_length) == reading.apart.ids
            assert set(reading.apart.type_ids) == {0}
        assert reading.is_cut == any(len(whole) > max_length for whole in wholes)


def cut(ids, max_length):
    return ids if len(ids) <= max_length else [*ids[: max_length - 1], ids[-1]]


@pytest.mark.parametrize("too_long", ["cut", "text"])
@pytest.mark.parametrize("texts", [("a", "\ud83d"), ("\udc00 a", "b")])
def test_half_a_surrogate_pair_is_refused(too_long, texts):
    reader = WindowReader(tokenizer(), 8, too_long)
    with pytest.raises(UserError) as refusal:
        reader([(text, None) for text in texts])
    assert str(refusal.value) == (
        "A text holds half of a surrogate pair, which is not Unicode. Read the file "
        "as UTF-8."
    )


@pytest.mark.parametrize("pair", [("a", "\ud83d"), ("\ud83d", "a")])
@pytest.mark.parametrize(
    "settings", [{}, {"too_long": "text_pair"}, {"reads_apart": True}]
)
def test_half_a_surrogate_pair_is_refused_in_pairs_too(pair, settings):
    reader = WindowReader(tokenizer(), 12, **settings)
    with pytest.raises(UserError, match="^A text holds half of a surrogate pair"):
        reader([pair])


def test_texts_are_cleaned_before_they_are_read():
    reading = read("ＦＩＬＭ", "好　好", 12, "cut", clean=Preprocess(normalize=True))
    (window,) = reading.windows
    assert window.ids == tiny_records.tokenizer()("film", "好好")["input_ids"]


def test_no_texts_give_no_readings():
    for settings in ({}, {"too_long": "text_pair"}, {"reads_apart": True}):
        assert WindowReader(tokenizer(), 12, **settings)([]) == []

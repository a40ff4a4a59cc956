"""A memory of chunks forgets when it is full, and no answer hurts it, in both ways."""

import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.native.compiled import compiled
from bert_cpu.text.chunk_memory import PlainChunkMemory

NATIVE = compiled()
if_native = pytest.mark.skipif(NATIVE is None, reason="it was not built")
both_ways = pytest.mark.parametrize(
    "memory_type",
    [
        pytest.param(PlainChunkMemory, id="Python"),
        pytest.param(getattr(NATIVE, "ChunkMemory", None), id="C++", marks=if_native),
    ],
)
LARGEST = 2**31 - 1


def spell(chunk):
    """Its ids: those of its characters, and none for a dash."""
    return [ord(letter) for letter in chunk if letter != "-"]


def spell_all(chunks):
    return [spell(chunk) for chunk in chunks]


@both_ways
@given(
    batches=st.lists(st.lists(st.text("ab-好 \n\t\r\x0b\0", max_size=12))),
    most=st.integers(0, 9),
    longest=st.integers(0, 4),
)
def test_ids_are_those_of_the_chunks(memory_type, batches, most, longest):
    memory = memory_type(most, longest)
    for texts in batches:
        expected = [
            spell(text.translate(dict.fromkeys(map(ord, " \n\t\r")))) for text in texts
        ]
        assert memory.read(texts, spell_all) == expected
        assert len(memory) <= most


@both_ways
def test_only_what_is_new_is_asked_for_and_all_is_forgotten_at_once(memory_type):
    memory = memory_type(5, 3)
    asked = []

    def learn(chunks):
        asked.append(sorted(filter(None, chunks)))
        return spell_all(chunks)

    for text in ("a bb a", "bb ccc", "dddd a", "dddd e", "f g", "a"):
        memory.read([text, text], learn)
    # `dddd` is too long to be kept; with `f` and `g` there would be six.
    assert asked == [
        *(["a", "bb"], ["ccc"], ["dddd"], ["dddd", "e"], ["f", "g"], ["a"]),
    ]
    assert len(memory) == 1


@both_ways
def test_an_answer_that_fails_leaves_nothing_behind(memory_type):
    memory = memory_type(9, 9)
    memory.read(["a"], spell_all)

    def fail(chunks):
        raise KeyError(chunks[0])

    for learn, error in (
        (fail, KeyError),
        (lambda chunks: [], ValueError),
        (lambda chunks: [[1], [2], [3]], ValueError),
        (lambda chunks: None, TypeError),
        (lambda chunks: [None], TypeError),
    ):
        with pytest.raises(error):
            memory.read(["a b"], learn)
        assert len(memory) == 1
        assert memory.read(["a"], spell_all) == [[97]]
    assert memory.read(["c"], lambda chunks: [[LARGEST, 0]]) == [[LARGEST, 0]]


@if_native
@pytest.mark.parametrize(
    "texts, ids, error",
    [
        (["half \ud83d"], [1], UnicodeEncodeError),
        ([b"bytes"], [1], TypeError),
        ([None], [1], TypeError),
        (("a tuple",), [1], TypeError),
        ("text", [1], TypeError),
        (["a"], [LARGEST + 1], (OverflowError, ValueError)),
        (["a"], [2**70], OverflowError),
        (["a"], [-1], ValueError),
        (["a"], ["1"], TypeError),
        (["a"], [1.0], TypeError),
    ],
)
def test_what_is_no_text_and_no_id_is_refused(texts, ids, error):
    memory = NATIVE.ChunkMemory(9, 9)
    with pytest.raises(error):
        memory.read(texts, lambda chunks: [ids] * len(chunks))
    assert len(memory) == 0


@if_native
def test_a_memory_needs_limits_and_a_function():
    for arguments in ((), (1,), (1, 2, 3), ("a", 1), (-1, 1), (1, -1), (2**70, 1)):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            NATIVE.ChunkMemory(*arguments)
    for arguments in ((), (["a"],), (["a"], None), (["a"], spell_all, 1)):
        with pytest.raises(TypeError):
            NATIVE.ChunkMemory(9, 9).read(*arguments)


@if_native
def test_it_may_be_asked_while_it_asks_and_texts_may_change():
    memory = NATIVE.ChunkMemory(3, 9)
    texts = ["a b c"]

    def learn(chunks):
        texts.clear()
        # It is emptied and filled again meanwhile.
        assert memory.read(["d e f g", "a"], spell_all) == [spell("defg"), [97]]
        answer = spell_all(chunks)
        chunks.clear()
        return answer

    assert memory.read(["a"], spell_all) == [[97]]
    assert memory.read(texts, learn) == [spell("abc")]


@if_native
def test_threads_that_share_one_get_the_right_ids():
    memory = NATIVE.ChunkMemory(40, 9)
    wrong = []

    def work(start):
        for number in range(start, start + 3000):
            text = f"{number % 50} {number % 7} x"
            if memory.read([text], spell_all) != [spell(text.replace(" ", ""))]:
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert wrong == []


@if_native
def test_no_reference_is_lost_or_kept():
    text, ids = "a b"[:-1] + "é", [1000, 2000]
    held = (text, ids, ids[0], NATIVE.ChunkMemory)
    before = [sys.getrefcount(each) for each in held]
    for _ in range(100):
        memory = NATIVE.ChunkMemory(9, 9)
        memory.read([text], lambda chunks: [ids] * len(chunks))
        with pytest.raises(TypeError):
            memory.read([f"{text}x"], lambda chunks: [ids, None])
        del memory
    assert [sys.getrefcount(each) for each in held] == before

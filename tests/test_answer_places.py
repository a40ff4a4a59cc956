"""Right answers are where they say in the context, or the row is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.errors import UserError
from bert_cpu.text.answer_places import answer_places

CONTEXT = "Zoë 🐈 sat; Tom sat. 他住在上海。"
AT = "a.jsonl line 3"


def places(answers, context=CONTEXT):
    return answer_places(
        (AT, {"question": "Who?", "answers": answers}), "answers", context
    )


@given(
    context=st.text("aé\u0301ａ🐈中文 ", min_size=1, max_size=12),
    cuts=st.lists(st.tuples(st.integers(0, 11), st.integers(1, 12))),
)
def test_all_forms_give_what_the_context_has_there(context, cuts):
    starts = [start for start, _ in cuts if start < len(context)]
    texts = [context[start:][:size] for start, size in cuts if start < len(context)]
    pairs = list(zip(texts, starts, strict=True))
    expected = [[start, start + len(text), text] for text, start in pairs]
    ours = [{"text": text, "start": start} for text, start in pairs]
    squads = [{"text": text, "answer_start": start, "id": "1"} for text, start in pairs]
    for form in (ours, squads, {"text": texts, "answer_start": starts}):
        assert places(form, context) == expected
    for start, end, text in expected:
        assert context[start:end] == text


LIST = (
    "in column 'answers', but a list of answers was expected. Write [{\"text\": …, "
    '"start": …}], or [] if there is none.'
)
MISTAKES = [
    (
        [{"text": "Tom", "start": 9}],
        f'{AT} has the answer "Tom" at 9, but the context has "; T". The context '
        "holds it once, at 11: correct the start.",
    ),
    (
        [{"text": "上海", "start": 21}],
        f'{AT} has the answer "上海" at 21, but the context has "住在". The context '
        "holds it once, at 23: correct the start.",
    ),
    (
        [{"text": "sat", "start": 7}],
        f'{AT} has the answer "sat" at 7, but the context has "at;". The context '
        "holds it 2 times: correct the start.",
    ),
    (
        [{"text": "tom", "start": 11}],
        f'{AT} has the answer "tom" at 11, but the context has "Tom". The context does '
        "not hold it: correct the answer.",
    ),
    (
        # From the end, as Python counts, it would be there.
        [{"text": "。", "start": -1}],
        f'{AT} has the answer "。" at -1, but the context has 26 characters, counted '
        "from 0. The context holds it once, at 25: correct the start.",
    ),
    (
        [{"text": "Tom", "start": 99}],
        f'{AT} has the answer "Tom" at 99, but the context has 26 characters, counted',
    ),
    (
        [{"text": "line\nbreak " * 20, "start": 0}],
        f'{AT} has the answer "line\\nbreak line\\nbreak',
    ),
    (
        [{"text": "", "start": 0}],
        f"{AT} has an answer without a character in it. Write [] in 'answers' if there",
    ),
    (None, f"{AT} has null {LIST}"),
    ("Tom", f'{AT} has "Tom" {LIST}'),
    (["Tom"], f'{AT} has ["Tom"] {LIST}'),
    ([{"text": "Tom"}], f'{AT} has [{{"text": "Tom"}}] {LIST}'),
    ([{"text": "Tom", "start": "12"}], f"{AT} has [{{"),
    ([{"text": "Tom", "start": True}], f"{AT} has [{{"),
    ({"text": "Tom", "answer_start": 12}, f"{AT} has {{"),
    ({"text": [5], "answer_start": [12]}, f"{AT} has {{"),
    (
        {"text": ["Tom"], "answer_start": []},
        f"{AT} has 1 texts but 0 starts of answers in column 'answers'. Give one start "
        "for each.",
    ),
]


@pytest.mark.parametrize(("answers", "message"), MISTAKES)
def test_an_answer_that_is_not_there_is_refused(answers, message):
    with pytest.raises(UserError) as raised:
        places(answers)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_a_row_without_answers_is_refused():
    with pytest.raises(UserError) as raised:
        answer_places((AT, {"question": "Who?"}), "answers", CONTEXT)
    assert str(raised.value) == (
        f"{AT} has no column 'answers' (it has: question). Give the answers there, [] "
        "where there is none, or name another with --label."
    )

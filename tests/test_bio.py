"""Tags to spans and back, next to regular expressions and seqeval."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval import scheme
from seqeval.metrics.sequence_labeling import get_entities

from bert_cpu.errors import UserError
from bert_cpu.text.bio import spans_to_tags, tags_to_spans
from bert_cpu.text.likeliest_tags import likeliest_tags

BIO = ["O", "B-PER", "I-PER", "B-creative-work", "I-creative-work"]
BIOES = [*BIO, "E-PER", "S-PER", "E-creative-work", "S-creative-work"]
LEGAL_BIO = re.compile(r"((O|B-([\w-]+)( I-\3)*)( |$))*")
LEGAL_BIOES = re.compile(r"((O|S-[\w-]+|B-([\w-]+)( I-\3)* E-\3)( |$))*")


def is_legal(tags):
    pattern = LEGAL_BIOES if any(tag[0] in "ES" for tag in tags) else LEGAL_BIO
    return pattern.fullmatch(" ".join(tags)) is not None


def by_seqeval(tags):
    """What it takes tags for that need not be legal, as conlleval does."""
    return [(first, last + 1, kind) for kind, first, last in get_entities(tags)]


@pytest.mark.parametrize("alphabet, kind", [(BIO, scheme.IOB2), (BIOES, scheme.IOBES)])
@given(data=st.data())
def test_legal_tags_are_read_and_all_others_refused(alphabet, kind, data):
    tags = data.draw(st.lists(st.sampled_from(alphabet), max_size=6))
    if is_legal(tags):
        # Without an E or S, it is BIO in either alphabet.
        kind = kind if any(tag[0] in "ES" for tag in tags) else scheme.IOB2
        entities = scheme.Tokens(tags, kind).entities
        expected = [(each.start, each.end, each.tag) for each in entities]
        assert tags_to_spans(tags) == expected
    else:
        with pytest.raises(UserError, match="is not legal BIO"):
            tags_to_spans(tags)


@given(st.lists(st.sampled_from(BIOES), max_size=8))
def test_repair_takes_tags_as_conlleval_does_and_makes_them_legal(tags):
    spans = tags_to_spans(tags, repair=True)
    assert spans == by_seqeval(tags)
    assert is_legal(spans_to_tags(spans, len(tags)))


@given(st.lists(st.sampled_from(BIO), max_size=8).filter(is_legal))
def test_spans_written_as_bio_are_the_tags_again(tags):
    assert spans_to_tags(tags_to_spans(tags), len(tags)) == tags


@pytest.mark.parametrize(
    "tags",
    [
        ["B-PER", "I-PER", "L-PER", "U-LOC", "O"],
        ["B-PER", "M-PER", "E-PER", "S-LOC", "O"],
    ],
)
def test_bilou_and_bmes_are_bioes_with_other_letters(tags):
    assert tags_to_spans(tags) == [(0, 3, "PER"), (3, 4, "LOC")]


@pytest.mark.parametrize(
    "tags, message",
    [
        (["I-PER"], "Tag 1 has the tag I-PER at the start, which is not legal BIO. "),
        (["O", "I-PER"], "Tag 2 has the tag I-PER after O, which is not legal BIO. "),
        (["B-LOC", "I-PER"], "Tag 2 has the tag I-PER after B-LOC, which is not legal"),
        (
            ["B-PER", "O", "S-PER"],
            "Tag 2 has the tag O after B-PER, which is not legal BIOES. ",
        ),
        (
            ["S-PER", "B-PER"],
            "Tag 2 has the tag B-PER at the end, which is not legal BIOES. ",
        ),
    ],
)
def test_the_first_illegal_tag_is_named_and_how_to_mend_it(tags, message):
    with pytest.raises(UserError, match="^" + re.escape(message)) as caught:
        tags_to_spans(tags)
    assert "give --repair" in str(caught.value)


@pytest.mark.parametrize("tag", ["", "B", "B-", "PER", "B_PER", "o", "0", "X-PER"])
@pytest.mark.parametrize("repair", [False, True])
def test_what_is_no_tag_is_refused_even_to_repair(tag, repair):
    message = f"line 7 has the tag '{tag}', but O, or B-, I-, E- or S- and a type"
    with pytest.raises(UserError, match=message):
        tags_to_spans(["O", tag], repair, lambda index: f"line {6 + index}")


@given(st.integers(0, 4), st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0, 5.0]))
def test_the_likeliest_tags_are_the_best_of_all_legal_sequences(length, seed, spread):
    scores = np.random.default_rng(seed).normal(0, spread, (length, len(BIO)))
    legal = [
        ids
        for ids in itertools.product(range(len(BIO)), repeat=length)
        if is_legal([BIO[index] for index in ids])
    ]
    best = max(legal, key=lambda ids: scores[np.arange(length), list(ids)].sum())
    assert tuple(likeliest_tags(scores, BIO)) == best


def test_a_sure_tag_is_not_overruled_by_an_unsure_one_before_it():
    # O, I-PER: either the first is wrong, which is nearly a B-PER, or the second.
    shares = np.array([[0.5, 0.4, 0.1, 0, 0], [0.05, 0.05, 0.9, 0, 0]]) + 1e-9
    assert [BIO[index] for index in likeliest_tags(np.log(shares), BIO)] == [
        "B-PER",
        "I-PER",
    ]

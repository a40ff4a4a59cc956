"""How well entities were found, by the rules of the CoNLL shared tasks."""

from collections.abc import Sequence
from typing import Any

from bert_cpu.text.bio import Span, spans_to_tags


def entity_scores(
    truths: Sequence[Sequence[Span]],
    found: Sequence[Sequence[Span]],
    lengths: Sequence[int],
    kinds: Sequence[str],
) -> dict[str, Any]:
    """Counts an entity as right if its start, its end and its type are.

    Spans are places in a text, so that it doesn't matter what the tokens are. For a
    corpus of tagged words, the scores are those of its words' tags.

    Args:
        truths, found: of each text, spans that don't overlap.
        lengths: of the texts, in characters.
        kinds: the types to score by themselves.

    Returns:
        dict with `f1`, `precision` and `recall` over all entities (seqeval, strict,
        IOB2); `per_label`, for each type these and `examples`, the number of its
        true entities; and `accuracy`, the share of characters with the right tag.
        What would be a division by 0 is 0.

    Reference: Tjong Kim Sang and De Meulder 2003, https://aclanthology.org/W03-0419/.
    """
    # It imports scikit-learn, which takes a second.
    from seqeval.metrics import v1
    from seqeval.scheme import IOB2

    pairs = [_tag_pieces(*each) for each in zip(truths, found, strict=True)]
    true, guessed = [list(each) for each in zip(*pairs, strict=True)]

    def score(average):
        return v1.precision_recall_fscore_support(
            true, guessed, average=average, scheme=IOB2, zero_division=0
        )

    precision, recall, f1, _ = score("micro")
    scores = dict.fromkeys(kinds, (0.0, 0.0, 0.0, 0))
    occurring = v1.unique_labels(true, guessed, IOB2)
    scores |= dict(zip(occurring, zip(*score(None), strict=True), strict=True))
    return {
        "f1": float(f1),
        "precision": float(precision),
        "recall": float(recall),
        "per_label": {
            kind: {
                "precision": float(scores[kind][0]),
                "recall": float(scores[kind][1]),
                "f1": float(scores[kind][2]),
                "examples": int(scores[kind][3]),
            }
            for kind in kinds
        },
        "accuracy": _accuracy(truths, found, lengths),
    }


def _tag_pieces(*both: Sequence[Span]) -> list[list[str]]:
    """Tags the pieces that a text falls into at the ends of all spans.

    They match where tags of characters would, and are few.
    """
    ends = sorted({end for spans in both for span in spans for end in span[:2]})
    numbers = {end: number for number, end in enumerate(ends)}
    return [
        spans_to_tags(
            [(numbers[start], numbers[end], kind) for start, end, kind in spans],
            max(len(ends) - 1, 0),
        )
        for spans in both
    ]


def _accuracy(truths, found, lengths):
    right = 0
    for true, guessed, length in zip(truths, found, lengths, strict=True):
        tags = zip(
            spans_to_tags(true, length), spans_to_tags(guessed, length), strict=True
        )
        right += sum(first == second for first, second in tags)
    return right / max(sum(lengths), 1)

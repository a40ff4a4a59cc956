"""Entities as a tag a token, and as spans of tokens.

In BIO, B-X begins an entity of type X, I-X goes on with it, and O is outside of any.
BIOES says besides where entities end (E-X), and which have a single token (S-X).
BILOU and BMES are BIOES with other letters.

Reference: Ramshaw and Marcus 1995, https://aclanthology.org/W95-0107/.
"""

from collections.abc import Callable, Sequence

from bert_cpu.errors import UserError

# First token, token behind the last, type.
Span = tuple[int, int, str]

# What a tag begins with -> its letter in BIOES.
_LETTERS = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S"}


def tags_to_spans(
    tags: Sequence[str],
    repair: bool = False,
    place: Callable[[int], str] = lambda index: f"Tag {index + 1}",
) -> list[Span]:
    """Finds the entities in tags of either kind.

    Args:
        tags: one a token: O, or a letter, "-" and a type.
        repair: take tags that are not legal for what they can only mean: an entity
            that nothing begins, begins with its first token, and one that nothing
            ends, ends with its last. Else they are refused.
        place: index -> where the tag stands, for messages.

    Raises:
        UserError: if something is no tag, or the tags are not legal.

    Example:
    >>> tags_to_spans(["B-PER", "I-PER", "O", "S-LOC"], repair=True)
    [(0, 2, 'PER'), (3, 4, 'LOC')]
    """
    pairs = [_split(tag, index, place) for index, tag in enumerate(tags)]
    marks_ends = any(letter in ("E", "S") for letter, _ in pairs)
    spans = []
    opened = None  # Where an entity began that no tag has ended yet, and its type.
    # The tag behind the last ends what is open.
    for index, (letter, kind) in enumerate([*pairs, ("O", "")]):
        is_inside = letter in ("I", "E")
        goes_on = is_inside and opened is not None and opened[1] == kind
        is_unended = marks_ends and opened is not None
        if not (repair or goes_on) and (is_inside or is_unended):
            raise UserError(_fault(tags, index, place, marks_ends))
        if opened is not None and not goes_on:
            spans.append((opened[0], index, opened[1]))
            opened = None
        if letter != "O" and opened is None:
            opened = index, kind
        if letter in ("E", "S") and opened is not None:
            spans.append((opened[0], index + 1, kind))
            opened = None
    return spans


def spans_to_tags(spans: Sequence[Span], length: int) -> list[str]:
    """Writes spans that don't overlap as BIO.

    Example:
    >>> spans_to_tags([(1, 3, "LOC")], length=4)
    ['O', 'B-LOC', 'I-LOC', 'O']
    """
    tags = ["O"] * length
    for start, end, kind in spans:
        tags[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
    return tags


def _split(tag: str, index: int, place: Callable[[int], str]) -> tuple[str, str]:
    """A tag's letter, as BIOES has it, and its type."""
    letter, _, kind = tag.partition("-")
    if tag == "O":
        return "O", ""
    if letter not in _LETTERS or not kind:
        raise UserError(
            f"{place(index)} has the tag '{tag[:40]}', but O, or B-, I-, E- or S- and "
            "a type (B-PER) was expected. Mend it, or name another column with --label."
        )
    return _LETTERS[letter], kind


def _fault(tags, index, place, marks_ends):
    is_end = index == len(tags)
    index -= is_end
    where = "at the end" if is_end else f"after {tags[index - 1]}"
    if index == 0 and not is_end:
        where = "at the start"
    scheme = "BIOES" if marks_ends else "BIO"
    return (
        f"{place(index)} has the tag {tags[index]} {where}, which is not legal "
        f"{scheme}. Mend it, or give --repair to begin and end entities where their "
        "type changes."
    )

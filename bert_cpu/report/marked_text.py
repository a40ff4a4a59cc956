"""A text with coloured places, as HTML."""

from typing import Any

from markupsafe import Markup, escape

from bert_cpu.report.one_line import one_line

# Characters that are shown around the places; the rest of a long text is left out.
_CONTEXT = 160


def marked_text(text: str, marks: list[dict[str, Any]]) -> Markup:
    """Puts each marked place of a text into a `<mark>` with its verdict's class.

    Places may overlap: the text is cut wherever one begins or ends, and each piece
    has the classes of all that it is in. A place's label stands behind it.

    Args:
        text: str, any text.
        marks: dicts as `Mark` has them; what doesn't fit the text is left out.

    Returns:
        Markup, with everything from the text escaped.
    """
    fitting = [mark for mark in marks if _fits(mark, len(text))]
    if not fitting:
        return escape(one_line(text, 2 * _CONTEXT))
    begin = max(0, min(mark["start"] for mark in fitting) - _CONTEXT)
    end = min(len(text), max(mark["end"] for mark in fitting) + _CONTEXT)
    places = {place for mark in fitting for place in (mark["start"], mark["end"])}
    cuts = sorted({begin, end} | places)
    pieces = ["…" if begin else ""]
    for left, right in zip(cuts, cuts[1:], strict=False):
        covering = [m for m in fitting if m["start"] <= left and m["end"] >= right]
        piece = escape(_plain(text[left:right]))
        if covering:
            classes = " ".join(sorted({m["verdict"] for m in covering}))
            ending = [m["label"] for m in covering if m["end"] == right]
            label = escape(one_line(" ".join(filter(None, dict.fromkeys(ending))), 40))
            small = Markup("<small>{}</small>").format(label) if label else ""
            piece = Markup('<mark class="{}">{}{}</mark>').format(classes, piece, small)
        pieces.append(piece)
    pieces.append("…" if end < len(text) else "")
    return Markup("").join(pieces)


def _fits(mark, length):
    start, end = mark.get("start"), mark.get("end")
    return (
        isinstance(start, int)
        and isinstance(end, int)
        and 0 <= start < end <= length
        and mark.get("verdict") in ("right", "wrong", "missed")
        and isinstance(mark.get("label"), str)
    )


def _plain(text):
    """What a page can hold, with the space at the ends kept."""
    body = one_line(text, len(text) + 1)
    before = " " if text[:1].isspace() else ""
    return before + body + (" " if body and text[-1:].isspace() else "")

"""One picture of a page, with the words that go with it."""

import dataclasses
from collections.abc import Sequence

from markupsafe import Markup

from bert_cpu.report.drawing import HALF_WIDTH, Drawing


@dataclasses.dataclass(frozen=True)
class Picture:
    """One `<svg>` with its title in two languages, key and caption."""

    title: str
    title_zh: str
    caption: str
    # (part of the palette, what is drawn in it)
    key: Sequence[tuple[str, str]]
    svg: Markup
    # Too dense for half a page.
    is_wide: bool


def make_picture(
    drawing: Drawing | None,
    title: str,
    title_zh: str,
    caption: str,
    key: Sequence[tuple[str, str]] = (),
) -> Picture | None:
    """Puts words to a drawing; None if there is nothing to draw."""
    if drawing is None:
        return None
    svg = drawing.to_svg(f"{title}. {caption}")
    return Picture(title, title_zh, caption, key, svg, drawing.width > HALF_WIDTH * 1.2)

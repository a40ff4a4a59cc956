"""Which token looks at which: attention as heat-maps, a panel a head."""

from collections.abc import Container, Sequence

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from bert_cpu.report.drawing import NORMAL, SMALL, Drawing, text_width
from bert_cpu.report.palette import light

_GAP = 14  # pixels between panels
_TITLE = 22
# Below this many pixels a token, its name can't be read and is left out.
_LEAST_NAMED = 11


def draw_attention(
    weights: Sequence[Sequence[Sequence[float]]],
    tokens: Sequence[str],
    titles: Sequence[str],
    num_columns: int = 4,
    width: int = 880,
    looked_at: Sequence[str] | None = None,
    bold: Container[int] = (),
    name: str = "attention",
) -> Drawing:
    """A row is a token that looks, a column one that is looked at, depth how much.

    Args:
        weights: `(panels, rows, columns)`, from 0 to 1; all of a row sums to 1.
        tokens: `(rows,)`, those that look, written beside the first panel of each
            line.
        titles: `(panels,)`, of each panel.
        num_columns: panels beside each other.
        width: int, pixels.
        looked_at: `(columns,)`, the tokens that are looked at, written above the
            panels of the first line. Default: those that look.
        bold: columns whose tokens are to stand out.
        name: str. See `Drawing`.

    Raises:
        ValueError: if there are not as many titles as panels, or tokens as rows and
            columns.
    """
    if len(titles) != len(weights):
        raise ValueError(f"`titles` has {len(titles)} of {len(weights)} panels.")
    above_them = tokens if looked_at is None else looked_at
    for panel in weights:
        if len(panel) != len(tokens) or {*map(len, panel)} != {len(above_them)}:
            raise ValueError(
                f"`weights` must be {len(tokens)} by {len(above_them)}, a row for each "
                "of `tokens` and a column for each that is looked at."
            )
    num_columns = min(num_columns, len(weights))
    num_lines = -(-len(weights) // num_columns)
    left_of_all, top = (
        12 + max(text_width(token, SMALL) for token in each)
        for each in (tokens, above_them)
    )
    side = (width - left_of_all - _GAP * num_columns) / num_columns
    is_named = side / len(above_them) >= _LEAST_NAMED
    if not is_named:
        left_of_all = top = 0
        side = (width - _GAP * num_columns) / num_columns
    height = side * len(tokens) / len(above_them)
    drawing = Drawing(name, width, round(top + num_lines * (height + _TITLE + _GAP)))
    # From the card's colour to the heat's, so that no attention is nothing to see.
    colours = LinearSegmentedColormap.from_list("heat", [light("page"), light("heat")])
    for index, (panel, title) in enumerate(zip(weights, titles, strict=True)):
        line, column = divmod(index, num_columns)
        left = left_of_all + column * (side + _GAP)
        above = top + _TITLE + line * (height + _TITLE + _GAP)
        axes = drawing.axes(
            left, above, width - left - side, drawing.height - above - height
        )
        axes.grid(visible=False)
        # Squares, not a picture of pixels: they stay sharp, and can be counted.
        axes.pcolormesh(
            panel,
            cmap=colours,
            vmin=0,
            vmax=1,
            edgecolors=light("card"),
            linewidth=0.5 if is_named else 0,
            gid=f"panel-{index}",
        )
        axes.set_ylim(len(tokens), 0)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines["bottom"].set_visible(False)
        _write_title(axes, drawing, title, top if is_named and line == 0 else 0)
        if is_named and column == 0:
            _name_rows(axes, drawing, tokens)
        if is_named and line == 0:
            _name_columns(axes, drawing, above_them, bold)
    return drawing


def _write_title(axes: Axes, drawing: Drawing, title: str, above: float) -> None:
    axes.annotate(
        drawing.words(title, 40),
        (0, 1),
        (0, above + 6),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=NORMAL,
        fontweight="bold",
        color=light("ink"),
    )


def _name_rows(axes: Axes, drawing: Drawing, tokens: Sequence[str]) -> None:
    for row, token in enumerate(tokens):
        axes.annotate(
            drawing.words(token),
            (0, row + 0.5),
            (-6, 0),
            textcoords="offset points",
            ha="right",
            va="center_baseline",
            fontsize=SMALL,
            color=light("ink"),
            annotation_clip=False,
        )


def _name_columns(
    axes: Axes, drawing: Drawing, tokens: Sequence[str], bold: Container[int]
) -> None:
    for column, token in enumerate(tokens):
        axes.annotate(
            drawing.words(token),
            (column + 0.5, 0),
            (SMALL / 2 - 2, 5),
            textcoords="offset points",
            ha="left",
            va="baseline",
            rotation=90,
            rotation_mode="anchor",
            fontsize=SMALL,
            fontweight="bold" if column in bold else "normal",
            color=light("ink"),
            annotation_clip=False,
        )

"""What was taken for what: the confusion matrix as a heat-map with its counts."""

from collections.abc import Sequence
from typing import Any

from matplotlib.patches import Rectangle

from bert_cpu.report.confused_pairs import confused_pairs
from bert_cpu.report.drawing import (
    HALF_HEIGHT,
    HALF_WIDTH,
    NORMAL,
    SMALL,
    Drawing,
    text_width,
)
from bert_cpu.report.one_line import one_line
from bert_cpu.report.palette import light

# As many rows as stay readable; of more labels, the worst confused are drawn.
MAX_LABELS = 20
MAX_LABEL_LENGTH = 18
# More labels than this take the whole width of the page.
MAX_HALF_LABELS = 8
WIDE = 720
MIN_CELL = 26  # pixels
# From this share of a row on, a cell is dark enough for light numbers.
DARK_FROM = 0.65


def draw_confusion(
    labels: Sequence[str], matrix: Sequence[Sequence[int]]
) -> Drawing | None:
    """Rows are true labels, columns predicted ones, depth the share of the row.

    Args:
        labels: the names, in the order of the matrix.
        matrix: counts `(num_labels, num_labels)`.

    Returns:
        Drawing, or None if the matrix is not one of these labels.
    """
    if not labels or {len(labels)} != {len(matrix), *map(len, matrix)}:
        return None
    chosen = worst_labels(matrix, MAX_LABELS)
    names = [one_line(labels[index], MAX_LABEL_LENGTH) for index in chosen]
    longest = max(text_width(name, NORMAL) for name in names)
    width = HALF_WIDTH if len(chosen) <= MAX_HALF_LABELS else WIDE
    left = 34 + longest
    is_tilted = longest > (width - left - 12) / len(chosen) - 8
    # Tilted by 45 degrees, the names need room above and the last at the right.
    lean = longest * 0.72 if is_tilted else 0
    top, right = 46 + lean, 12 + lean
    cell = max((width - left - right) / len(chosen), MIN_CELL)
    if width == HALF_WIDTH:
        cell = min(cell, (HALF_HEIGHT + lean - top - 8) / len(chosen))
    side = cell * len(chosen)
    width = max(width, round(left + side + right))
    spare = (width - left - side - right) / 2
    drawing = Drawing("confusion", width, round(top + side + 8))
    axes = drawing.axes(left + spare, top, right + spare, 8)
    axes.axis("off")
    axes.set_xlim(0, len(chosen))
    axes.set_ylim(len(chosen), 0)

    for row, true in enumerate(chosen):
        row_total = sum(matrix[true]) or 1
        for column, predicted in enumerate(chosen):
            count = matrix[true][predicted]
            share = count / row_total
            axes.add_patch(
                Rectangle(
                    (column + 0.03, row + 0.03),
                    0.94,
                    0.94,
                    # Under the blank look of a zero, a single error must show.
                    facecolor=light("heat" if count else "line"),
                    alpha=0.1 + 0.9 * share if count else 0.4,
                    linewidth=0,
                )
            )
            if count:
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    str(count),
                    ha="center",
                    va="center_baseline",
                    fontsize=_number_size(cell, count),
                    fontweight="bold" if true == predicted else "normal",
                    color=light("card" if share > DARK_FROM else "ink"),
                    gid=f"cell-{true}-{predicted}",
                )
        axes.text(
            -8 / cell,
            row + 0.5,
            drawing.words(names[row]),
            ha="right",
            va="center_baseline",
            fontsize=NORMAL,
            color=light("ink"),
        )
        axes.text(
            row + 0.5,
            -8 / cell,
            drawing.words(names[row]),
            ha="left" if is_tilted else "center",
            va="baseline",
            rotation=45 if is_tilted else 0,
            rotation_mode="anchor",
            fontsize=NORMAL,
            color=light("ink"),
        )
    titles: dict[str, Any] = {
        "fontsize": SMALL,
        "color": light("muted"),
        "ha": "center",
    }
    axes.text(len(chosen) / 2, -(top - 12) / cell, "predicted", **titles)
    axes.text(
        -(left - 12) / cell,
        len(chosen) / 2,
        "true",
        rotation=90,
        rotation_mode="anchor",
        **titles,
    )
    return drawing


def worst_labels(matrix: Sequence[Sequence[int]], limit: int) -> list[int]:
    """The labels of the most confused pairs, at most `limit`, in their order."""
    if len(matrix) <= limit:
        return list(range(len(matrix)))
    chosen: dict[int, None] = {}
    for true, predicted, _ in confused_pairs(matrix):
        chosen |= {true: None, predicted: None}
    # Where few were confused, the first labels fill up the picture.
    chosen |= dict.fromkeys(range(len(matrix)))
    return sorted(list(chosen)[:limit])


def _number_size(cell: float, count: int) -> float:
    """The largest font, up to 15 pixels, in which `count` fits its cell."""
    return min(15, cell * 0.42, cell * 0.9 / (0.56 * len(str(count))))

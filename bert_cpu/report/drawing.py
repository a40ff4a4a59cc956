"""One picture: a matplotlib figure that becomes SVG to put inside a page."""

import io
import re
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bert_cpu.report.one_line import one_line
from bert_cpu.report.palette import PALETTE, light

SMALL, NORMAL = 11.5, 12.5  # font sizes, in pixels
# A picture for half a page. On a phone it is drawn at about 0.8 of this.
HALF_WIDTH, HALF_HEIGHT = 400, 280


class Drawing:
    """A canvas measured in pixels, with its origin at the top left.

    The figure is made without pyplot, so that drawing shares no state with the
    program around it. Two drawings of the same data give the same SVG.

    Args:
        name: str. Starts every id in the SVG, so must be its own on the page.
        width: int, pixels.
        height: int, pixels.
    """

    def __init__(self, name: str, width: int, height: int):
        self.name = name
        self.width = width
        self.height = height
        # At 72 dots an inch a point is a pixel.
        self.figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        self.figure.patch.set_visible(False)
        self._words: list[str] = []

    def axes(self, left: float, top: float, right: float, bottom: float) -> Axes:
        """Plain axes between the given margins (pixels from each edge)."""
        axes = self.figure.add_axes(
            (
                left / self.width,
                bottom / self.height,
                (self.width - left - right) / self.width,
                (self.height - top - bottom) / self.height,
            )
        )
        axes.patch.set_visible(False)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(light("line"))
        axes.tick_params(
            length=0, pad=6, labelsize=SMALL, labelcolor=light("muted"), which="both"
        )
        axes.grid(axis="y", color=light("line"), linewidth=1)
        axes.set_axisbelow(True)
        return axes

    def words(self, text: object, limit: int = 24) -> str:
        """A stand-in to draw where `text`, which comes from a user, will be.

        matplotlib would look for its glyphs (it has no Chinese) and read `$x$`
        as mathematics. So it draws the stand-in, and `to_svg` puts the text
        there for the browser to draw in the reader's fonts.
        """
        self._words.append(one_line(text, limit))
        return f"@{len(self._words) - 1}@"

    def to_svg(self, description: str) -> Markup:
        """The picture as an `<svg>` element for the middle of an HTML page.

        Args:
            description: str. What a screen reader says in place of the picture.
        """
        buffer = io.BytesIO()
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        # Only the global settings have these two; they are put back at once.
        with matplotlib.rc_context(
            {"svg.fonttype": "none", "svg.hashsalt": "bert_cpu"}
        ):
            FigureCanvasSVG(self.figure).print_svg(buffer, metadata=nothing)
        root = ElementTree.fromstring(buffer.getvalue())
        for element in root.iter():
            self._tidy(element)
        # The first child only holds a style sheet, for the whole page at that.
        root.remove(root[0])
        root.attrib.pop("width")
        root.attrib.pop("height")
        root.set("xmlns", "http://www.w3.org/2000/svg")
        root.set("role", "img")
        root.set("aria-label", one_line(description, 300))
        return Markup(ElementTree.tostring(root, encoding="unicode"))

    def __repr__(self) -> str:
        # Without its place in memory, which a notebook would save anew each time.
        return f"Drawing({self.name!r}, {self.width}, {self.height})"

    def _repr_svg_(self) -> str:
        """How a notebook shows it: with the ground and the font that a page gives."""
        ground = f"background: {light('card')}; font-family: system-ui, sans-serif"
        size = f'width="{self.width}" height="{self.height}" style="{ground}"'
        svg = str(self.to_svg(self.name)).replace("<svg ", f"<svg {size} ", 1)
        # No page is around it that could give the variables values.
        return re.sub(r"var\(--\w+, (#\w+)\)", r"\1", svg)

    def _tidy(self, element: ElementTree.Element) -> None:
        element.tag = _local_name(element.tag)
        for key, value in list(element.attrib.items()):
            del element.attrib[key]
            element.set(_local_name(key), self._tidy_attribute(_local_name(key), value))
        stand_in = re.fullmatch(r"@(\d+)@", element.text or "")
        if stand_in:
            element.text = self._words[int(stand_in[1])]

    def _tidy_attribute(self, key: str, value: str) -> str:
        if key == "id":
            return f"{self.name}-{value}"
        if key == "style":
            # The page chooses the font: ours is not where the reader is.
            value = re.sub(r"font-family: [^;]*;? ?", "", value)
            return re.sub(r"#[0-9a-f]{6}", _variable, value)
        return re.sub(r"^(url\()?#", rf"\g<0>{self.name}-", value)


def text_width(text: str, size: float) -> float:
    """About how wide a browser draws `text`, in pixels."""
    # Chinese, Japanese and Korean characters are as wide as they are high.
    return size * sum(1.0 if character > "\u2e7f" else 0.56 for character in text)


def _local_name(name: str) -> str:
    return name.rpartition("}")[2]


def _variable(colour: re.Match[str]) -> str:
    for part, (on_light, _) in PALETTE.items():
        if on_light == colour[0]:
            return f"var(--{part}, {on_light})"
    return colour[0]

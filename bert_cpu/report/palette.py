"""The colours of the page and its pictures, by the part that each one plays.

A picture is drawn in the light colours; `drawing.py` turns each into a variable
of the page, which is how one picture serves a light page and a dark one.
"""

# part -> (on a light page, on a dark page). The light colours must differ, or a
# picture could not tell the parts apart. The series are Okabe and Ito's, which
# the colour-blind tell apart too (https://jfly.uni-koeln.de/color/).
PALETTE = {
    "page": ("#f6f4ee", "#12151a"),
    "card": ("#fffefb", "#1a1e25"),
    "ink": ("#1b1e23", "#ebe8e1"),
    "muted": ("#5f656e", "#a0a6b0"),
    "line": ("#e2ded3", "#2f353f"),
    "first": ("#0072b2", "#56b4e9"),
    "second": ("#d55e00", "#f0a04b"),
    "third": ("#00866a", "#3cc8a0"),
    "heat": ("#00558a", "#5fb6ea"),
}

SERIES = ("first", "second", "third")


def light(part: str) -> str:
    """The colour to draw `part` in, like '#1b1e23'."""
    return PALETTE[part][0]

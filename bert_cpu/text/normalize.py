"""One way to write each text: compatible forms folded, invisible ones out."""

import re
import unicodedata

# Control, format (zero width, direction marks, byte order mark) and surrogate.
_UNSEEN = ("Cc", "Cf", "Cs")
# Zero width, but marks by their category: the grapheme joiner, and the
# selectors of a glyph's or an emoji's look.
_UNSEEN_MARK = re.compile(
    "[\u034f\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_WHITE_SPACE = re.compile(r"\s+")


def normalize(text: str) -> str:
    r"""Folds what looks alike into one form, as search engines do.

    Unicode NFKC turns full width letters, digits and punctuation into half
    width ones, ligatures into letters and combining accents into accented
    letters. Control and zero-width characters go, and each run of white space
    becomes one space, with none at the ends. Doing it twice changes nothing.

    Args:
        text: str of any length.

    Returns:
        str. `text` itself where nothing visible would be left.

    Example:
    >>> normalize("ＢＥＲＴ\u200b １２８，\t好")
    'BERT 128, 好'

    Reference: Unicode Standard Annex 15, https://unicode.org/reports/tr15/.
    """
    # White space first: a tab is a control character, but parts two words.
    spaced = _WHITE_SPACE.sub(" ", text)
    # Invisible ones before NFKC: they keep a letter and its accent apart.
    visible = spaced if spaced.isascii() and spaced.isprintable() else _seen(spaced)
    folded = unicodedata.normalize("NFKC", visible)
    # NFKC makes spaces of its own, for example of a no-break space.
    return _WHITE_SPACE.sub(" ", folded).strip() or text


def _seen(text: str) -> str:
    letters = (c for c in text if unicodedata.category(c) not in _UNSEEN)
    return _UNSEEN_MARK.sub("", "".join(letters))

"""A user's text made safe to show: on one line, with nothing but what shows."""


def one_line(text: object, limit: int) -> str:
    """Joins the words of `text` with single spaces and cuts it at `limit`.

    What doesn't print is dropped: escape sequences would drive the terminal,
    and marks of writing direction could make a text read as another one.

    Args:
        text: what to show; anything but a str is shown as `str` has it.
        limit: int, 2 or more. Characters kept, the ellipsis included.

    Returns:
        str of at most `limit` characters, all of which print.
    """
    spaced = " ".join(str(text).split())
    shown = "".join(character for character in spaced if character.isprintable())
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"

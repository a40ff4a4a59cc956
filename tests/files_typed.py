"""Files that a user has: small ones, written here, and what is in a directory."""

import pathlib


def write_rows(name, num_rows=60, label=None, text=None):
    """Writes a csv of texts with labels.

    Args:
        name: the file.
        num_rows: how many rows it has.
        label: of all rows; None: neg and pos in turn.
        text: makes the text of a row from its number; None: few words, all others.

    Returns:
        `name`.
    """
    lines = ["text,label"]
    for row in range(num_rows):
        words = "film " * (row % 4 + 1) + str(row) if text is None else text(row)
        lines.append(f"{words},{('neg', 'pos')[row % 2] if label is None else label}")
    pathlib.Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return name


def files_of(directory):
    """The bytes of each file, by its path from the directory."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }

"""The tokens or tags of a row, checked."""

import json

from bert_cpu.errors import UserError
from bert_cpu.text.rows import Row


def strings_of(row: Row, column: str, kind: str) -> list[str]:
    """The strings in one column of a row, none of them empty.

    Args:
        row: what `read_rows` or `read_conll` gave; the column has a list.
        column: the column's name.
        kind: what one of them is, "token" or "tag", for the message.

    Raises:
        UserError: if one is something else, or empty.
    """
    position, values = row
    for number, value in enumerate(values[column], start=1):
        if not isinstance(value, str) or not value:
            shown = json.dumps(value, ensure_ascii=False)[:60]
            raise UserError(
                f"{position} has {shown} as {kind} {number} in column "
                f"'{column}', but a string of one character or more was expected. "
                "Mend the row."
            )
    return values[column]

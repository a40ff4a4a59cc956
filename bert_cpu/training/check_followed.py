"""A worker that follows does not mend records: it finds them mended, or whole."""

import pathlib
from collections.abc import Callable

from bert_cpu.errors import UserError


def check_followed(check: Callable[[], object], mended: pathlib.Path) -> None:
    """Checks records of a worker that would have found damaged ones mended.

    Raises:
        UserError: if they are damaged all the same.
    """
    try:
        check()
    except UserError as error:
        raise UserError(
            f"'{mended}' is not there, in which the first worker left out what is "
            "damaged. Give all workers one --runs-dir."
        ) from error

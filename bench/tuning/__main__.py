"""Puts the race of sweeps into docs/tuning.md, between its two marks.

python -m bench.tuning tune.json [--page docs/tuning.md]
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from bench.contestant import ROOT
from bench.tuning.report import tuning_report

BEGIN = "<!-- results: written by `make bench-tune-page` -->\n"
END = "<!-- end of the results -->\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.tuning", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("results", type=pathlib.Path, help="tune.json")
    parser.add_argument(
        "--page", type=pathlib.Path, default=ROOT / "docs" / "tuning.md"
    )
    options = parser.parse_args(arguments)
    try:
        results = json.loads(options.results.read_text(encoding="utf-8"))
        text = with_tuning(options.page.read_text(encoding="utf-8"), results)
    except FileNotFoundError as error:
        parser.error(f"there is no '{error.filename}': `make bench-tune` makes it")
    except ValueError as error:
        parser.error(f"'{options.results}' can't be used: {error}")
    options.page.write_text(text, encoding="utf-8")
    return 0


def with_tuning(page: str, results: Mapping[str, Any]) -> str:
    """The page with these results in place of those that it has.

    Args:
        page: with the two marks in it.
        results: what tune.json holds.

    Raises:
        ValueError: if one of the two sides is missing.
    """
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{tuning_report(results)}\n\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())

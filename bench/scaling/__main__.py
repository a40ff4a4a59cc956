"""Puts scaling's results into docs/scaling.md, between its two marks.

    python -m bench.scaling scale.json [--page docs/scaling.md]

scale.json is what `python -m bench.scaling.measure` leaves; of one that was written
by hand only `costs` is needed (`bench.scaling.costs` says what is in it).
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from bench.contestant import ROOT
from bench.scaling.report import scaling_report

BEGIN = "<!-- results: written by `make bench-scale-page` -->\n"
END = "<!-- end of the results -->\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scaling", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("results", type=pathlib.Path, help="scale.json")
    parser.add_argument(
        "--page", type=pathlib.Path, default=ROOT / "docs" / "scaling.md"
    )
    options = parser.parse_args(arguments)
    try:
        results = json.loads(options.results.read_text(encoding="utf-8"))
        page = options.page.read_text(encoding="utf-8")
        text = with_scaling(page, results, options.page.with_suffix(""))
    except FileNotFoundError as error:
        parser.error(f"there is no '{error.filename}': `make bench-scale` makes it")
    except ValueError as error:
        parser.error(f"'{options.results}' can't be used: {error}")
    options.page.write_text(text, encoding="utf-8")
    return 0


def with_scaling(page: str, results: Mapping[str, Any], pictures: pathlib.Path) -> str:
    """The page with these results in place of those that it has.

    Args:
        page: with the two marks in it.
        results: what scale.json holds.
        pictures: the directory beside the page for SVG files.

    Raises:
        ValueError: if `results` lack the costs that the model begins with.
    """
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{scaling_report(results, pictures)}\n\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())

"""Puts the results of a benchmark into docs/performance.md, between its two marks.

    python -m bench.write_page bench.json

They are kept as docs/performance/bench.json beside the pictures, for single jobs to be
measured again with --resume.
"""

import json
import pathlib
import sys
from typing import Any

from bench.contestant import ROOT
from bench.write_report import report_text
from bert_cpu.storage import write_json

BEGIN = "<!-- results: written by `make bench-page` -->\n"
END = "<!-- end of the results -->\n"


def main() -> None:
    source = pathlib.Path(sys.argv[1])
    if not source.is_file():
        raise SystemExit(f"There is no '{source}': run `make bench`, which writes it.")
    results = json.loads(source.read_text(encoding="utf-8"))
    page = ROOT / "docs" / "performance.md"
    pictures = page.with_name("performance")
    text = with_results(page.read_text(encoding="utf-8"), results, pictures)
    page.write_text(text, encoding="utf-8")
    write_json(pictures / "bench.json", results)


def with_results(page: str, results: dict[str, Any], pictures: pathlib.Path) -> str:
    """The page with these results in place of those that it has.

    Args:
        page: with the two marks in it.
        results: what bench.json holds.
        pictures: the directory beside the page for SVG files.
    """
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    text = report_text(results, pictures, pictures.name, level=3)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


if __name__ == "__main__":
    main()

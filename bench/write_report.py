"""bench.md and its pictures, from what bench.json holds.

python -m bench.write_report bench.json DIRECTORY
"""

import json
import pathlib
import re
import sys
from typing import Any

from bench import charts, tables
from bench.of_other_code import of_other_code

PICTURES = "bench-charts"


def main() -> None:
    source, directory = sys.argv[1:]
    results = json.loads(pathlib.Path(source).read_text(encoding="utf-8"))
    write_report(results, pathlib.Path(directory))


def write_report(results: dict[str, Any], directory: pathlib.Path) -> None:
    """Writes `bench.md` and `bench-charts/` into a directory."""
    text = "# Benchmark\n\n" + report_text(results, directory / PICTURES, PICTURES)
    (directory / "bench.md").write_text(text, encoding="utf-8")


def report_text(
    results: dict[str, Any], pictures: pathlib.Path, link: str, level: int = 2
) -> str:
    """The results in Markdown; draws the pictures that it shows.

    Args:
        results: what bench.json holds.
        pictures: the directory for SVG files.
        link: that directory as the text refers to it.
        level: of the headings.
    """
    head = "#" * level
    rows = results["rows"]
    parts = [_where(results)]
    if rows:
        parts += [f"{head} Against the fastest peer", tables.summary_table(rows)]
    if results.get("limits"):
        parts += [
            f"{head} What the machine can do",
            tables.limits_table(results["limits"]),
        ]
    for job in dict.fromkeys(row["job"] for row in rows):
        own = [row for row in rows if row["job"] == job]
        parts += [f"{head} {job[0].upper()}{job[1:]}", tables.rows_table(own)]
        parts += _pictures(job, own, pictures, link)
    if results.get("growth"):
        parts += [f"{head} Growth", tables.growth_table(results["growth"])]
        for axis in results["growth"]:
            name = f"growth of {axis['axis']}"
            parts += _picture(charts.draw_growth(axis), name, pictures, link)
            parts.append(_departures(axis))
    return "\n\n".join(filter(None, parts)) + "\n"


def _where(results):
    machine = results["machine"]
    settings = results["settings"]
    versions = "; ".join(
        f"{environment}: " + ", ".join(f"{name} {v}" for name, v in packages.items())
        for environment, packages in results["versions"].items()
    )
    return (
        f"{machine['model']}, {len(machine['cores'])} cores, "
        f"{machine['memory_gb']:g} GB, {' '.join(machine['simd'])}, "
        f"{machine['system']}; kernel for int8 encoders: "
        f"{machine.get('int8_kernel', 'not there yet')}; operations for training: "
        f"{machine.get('training_kernel', 'not there yet')}; "
        f"load at the start {machine['load']:g}. "
        f"{settings['rounds']} rounds ({settings['long_rounds']} where one takes "
        "minutes), ours and the peer in turn on the same cores; "
        "medians, and the median of the pairs' ratios with its least and its largest. "
        "A ratio above 1 means that ours is faster; one in brackets doesn't count, "
        f"because the two did not compute the same.{_changed(results)}\n\n"
        f"{versions}{_tuned(results)}."
    )


def _changed(results):
    changed = of_other_code(results)
    if not changed:
        return ""
    return f" Measured before the code was changed: {', '.join(changed)}."


def _tuned(results):
    if "tuned" not in results:
        return ""
    if results["tuned"] is None:
        return "; ours with its defaults"
    return "; ours with what `bert-cpu hardware --tune` measured"


def _pictures(job, rows, pictures, link):
    own = [row for row in rows if row["unit"] not in ("MB", "accuracy")]
    parts = _picture(charts.draw_job(own), job, pictures, link)
    if job == "one answer":
        parts += _picture(
            charts.draw_answers(own), "ms an answer by length", pictures, link
        )
    return parts


def _picture(drawing, name, pictures, link):
    if drawing is None:
        return []
    pictures.mkdir(parents=True, exist_ok=True)
    file = re.sub(r"\W+", "_", name) + ".svg"
    (pictures / file).write_text(charts.as_file(drawing, name), encoding="utf-8")
    return [f"![{name}]({link}/{file})"]


def _departures(axis):
    return "".join(
        f"- {axis['axis']}, {each['from']:,} to {each['to']:,}: not in a line, the "
        f"time grows with the power {each['exponent']:.2f}.\n"
        for each in axis["departs"]
    ).rstrip("\n")


if __name__ == "__main__":
    main()

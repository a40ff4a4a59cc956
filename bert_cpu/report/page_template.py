"""The templates of the pages, with the filters that they use."""

from collections.abc import Callable
from typing import Any

import jinja2
from markupsafe import Markup

from bert_cpu.report.marked_text import marked_text
from bert_cpu.report.number_filters import NUMBER_FILTERS
from bert_cpu.report.one_line import one_line
from bert_cpu.report.spoken import spoken, spoken_chinese


def page_template(name: str) -> jinja2.Template:
    """Opens the template `name` of this folder.

    All that it shows is escaped, and what is missing shows as a dash.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bert_cpu.report", "."),
        autoescape=True,
        # A run may lack any number; its place then shows a dash.
        undefined=jinja2.ChainableUndefined,
        finalize=_printable,
        trim_blocks=True,
    )
    filters: dict[str, Callable] = {
        **NUMBER_FILTERS,
        "marked": lambda line: marked_text(line["text"], line["marks"]),
        "one_line": one_line,
        "spoken": spoken,
        "spoken_chinese": spoken_chinese,
        "capitalize_first": lambda words: words[:1].upper() + words[1:],
    }
    environment.filters.update(filters)
    return environment.get_template(name)


def _printable(value: Any) -> Any:
    """Drops what UTF-8 can't write or a page mustn't hold from plain strings."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return one_line(value, 2000)
    return value

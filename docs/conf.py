"""How Sphinx makes the site, by `make docs`: from the pages and the source, offline.

The pages' folder is the project's own, so that a link between them is the same file
for Sphinx as for whoever reads them where they are.
"""

import ast
import os
import pathlib
import subprocess
import sys

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

_ROOT = pathlib.Path(__file__).resolve().parent.parent

project = "bert_cpu"
copyright = "the authors of bert_cpu, Apache-2.0"
release = next(
    ast.literal_eval(node.value)
    for node in ast.parse((_ROOT / "bert_cpu/__init__.py").read_text("utf-8")).body
    if isinstance(node, ast.Assign) and node.targets[0].id == "__version__"
)

extensions = ["myst_parser", "autoapi.extension", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = [
    "README.md",
    "README.zh.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "notebooks/README.md",
    "docs/**",
]
exclude_patterns = [".*", "build", "runs", "sweeps", "bench-work"]
suppress_warnings = [
    # What is left out of the reference is imported from what is in it.
    "autoapi.python_import_resolution",
    # A short name in a signature may be that of several classes.
    "ref.python",
]

# Anchors as where the pages are read beside the source: from headings, to this depth.
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]

# From the source by static analysis: TensorFlow is neither imported nor installed.
autoapi_dirs = [str(_ROOT / "bert_cpu")]
autoapi_root = "docs/reference"
autoapi_ignore = [
    *("*/bert_cpu/commands/*", "*/bert_cpu/report/*"),
    *("*/bert_cpu/cli.py", "*/bert_cpu/parse_arguments.py"),
    *("*/bert_cpu/quick_subcommands.py", "*/bert_cpu/subcommands.py"),
    "*/bert_cpu/native_noise.py",
]
autoapi_options = ["members", "show-inheritance", "show-module-summary"]
autoapi_add_toctree_entry = False
autoapi_member_order = "bysource"
# One quote mark is code in the docstrings, as it is on the pages.
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [
    ("Call arguments", "params_style"),
    ("Output shape", "returns_style"),
    ("Features", "params_style"),
]

language = "en"
html_theme = "furo"
html_title = f"bert_cpu {release}"
html_static_path = []
# Nothing of the pages comes from another host, nor leads to the source of the pages.
html_show_sourcelink = False
html_copy_source = False
toc_object_entries_show_parents = "hide"
add_module_names = False
html_additional_pages = {"index": "home.html"}
templates_path = ["templates"]


class Help(SphinxDirective):
    """What `bert-cpu COMMAND --help` prints: it needs no TensorFlow."""

    has_content = False
    required_arguments = 1

    def run(self):
        printed = subprocess.run(
            [sys.executable, "-m", "bert_cpu.cli", *self.arguments, "--help"],
            cwd=_ROOT,
            env=os.environ | {"COLUMNS": "90", "NO_COLOR": "1", "TERM": "dumb"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return [nodes.literal_block(printed, printed, language="text")]


def part_examples(app, what, name, obj, options, lines):
    """Puts the empty line before an example that reStructuredText wants there."""
    for index in reversed(range(len(lines) - 1)):
        if lines[index].strip() == "Example:" and ">>>" in lines[index + 1]:
            lines.insert(index + 1, "")


def setup(app):
    app.add_directive("help", Help)
    app.connect("autodoc-process-docstring", part_examples)

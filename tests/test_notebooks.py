"""Notebooks are saved as they ran: whole, in order, for both kinds of reader."""

import ast
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

PROJECT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
IDS = [path.stem for path in NOTEBOOKS]
MOST_BYTES = 2_000_000
LIBRARIES = {
    *("bert_cpu", "numpy", "matplotlib", "tensorflow", "keras", "ai_edge_litert")
}
# Where machines keep what is theirs.
PLACES = re.compile(
    r"(?<![\w.])/(?:home|root|Users|tmp|var|mnt|opt|usr|work|private)/|\b[A-Z]:\\\\?\w"
)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ENGLISH = re.compile(r"\b[A-Za-z]{2,}\b")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def order_faults(notebook):
    """Cells that were not run, or not in one go from top to bottom."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    return [] if counts == list(range(1, len(counts) + 1)) else [f"ran as {counts}"]


def output_faults(notebook):
    """Cells that show something and have nothing to show for it, or a failure."""
    faults = [
        f"cell without its output: {cell.source[:60]!r}"
        for cell in code_cells(notebook)
        if shows(cell.source) and not cell.outputs
    ]
    for output in outputs(notebook):
        if output.output_type == "error" or output.get("name") == "stderr":
            faults.append(f"not a result: {json.dumps(output)[:200]}")
    return faults


def shows(source):
    """Whether a cell prints, or ends with a value that is drawn."""
    tree = ast.parse(source)
    calls = []
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            calls.append(ast.unparse(node.func))
        waiting += ast.iter_child_nodes(node)
    last = tree.body[-1]
    is_drawn = (
        isinstance(last, ast.Expr)
        and isinstance(last.value, ast.Call)
        and ast.unparse(last.value.func).startswith("draw_")
    )
    return (
        "print" in calls
        or is_drawn
        or isinstance(last, ast.Expr)
        and isinstance(last.value, ast.Name | ast.Attribute | ast.Subscript)
    )


def place_faults(notebook):
    """Absolute paths of the machine that ran it."""
    text = "\n".join(strings(notebook))
    faults = [
        text[max(0, found.start() - 30) : found.end() + 30]
        for found in PLACES.finditer(text)
    ]
    own = {str(pathlib.Path.home()), str(PROJECT)} - {"/"}
    return faults + [place for place in own if place in text]


def strings(node):
    """All that a notebook says, as it was before JSON escaped it."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)


def import_faults(notebook):
    """Imports that are no public part of the package, nor one of its libraries."""
    faults = []
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Attribute):
                names = [node.attr] if re.match("_[^_]", node.attr) else []
                faults += [f"uses the private {name}" for name in names]
                continue
            for name in names:
                parts = name.split(".")
                is_known = parts[0] in LIBRARIES | sys.stdlib_module_names
                if not is_known or any(part.startswith("_") for part in parts):
                    faults.append(f"imports {name}")
    return faults


def language_faults(notebook):
    """Text cells that only one kind of reader can read."""
    return [
        cell.source[:60]
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        and not (CHINESE.search(cell.source) and ENGLISH.search(cell.source))
    ]


CHECKS = [order_faults, output_faults, place_faults, import_faults, language_faults]


@pytest.fixture(scope="module")
def read():
    kept = {}

    def read(path):
        if path not in kept:
            kept[path] = nbformat.read(path, as_version=nbformat.NO_CONVERT)
        return kept[path]

    return read


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
@pytest.mark.parametrize("check", CHECKS)
def test_a_notebook_has_no_faults(read, path, check):
    assert check(read(path)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_a_notebook_is_valid_and_has_pictures(read, path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert all(not cell.metadata for cell in notebook.cells)
    kinds = {kind for output in outputs(notebook) for kind in output.get("data", {})}
    assert kinds & {"image/svg+xml", "image/png"}
    assert path.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_what_a_notebook_imports_is_there(read, path):
    for cell in code_cells(read(path)):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("bert_cpu"):
                spec = importlib.util.find_spec(node.module)
                source = pathlib.Path(spec.origin).read_text(encoding="utf-8")
                there = {
                    name.id if isinstance(name, ast.Name) else name.name
                    for name in ast.walk(ast.parse(source))
                    if isinstance(name, ast.Name | ast.FunctionDef | ast.ClassDef)
                }
                assert {alias.name for alias in node.names} <= there, node.module


@pytest.mark.parametrize(
    "page, folder", [("notebooks/README.md", ""), ("docs/article.md", "../notebooks/")]
)
def test_a_page_links_every_notebook(page, folder):
    text = (PROJECT / page).read_text(encoding="utf-8")
    links = [f"({folder}{path.name})" for path in NOTEBOOKS]
    assert [link for link in links if link not in text] == []


def test_there_are_all_seven():
    assert [path.stem[0] for path in NOTEBOOKS] == list("1234567")


def make_notebook(*sources, text="Words. 文字。"):
    cells = [nbformat.v4.new_markdown_cell(text)]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize(
    "check, source, changes",
    [
        (order_faults, "x = 1", {}),
        (order_faults, "x = 1", {"execution_count": 2}),
        (output_faults, "for x in y:\n    print(x)", {"execution_count": 1}),
        (output_faults, "draw_loss(steps)", {"execution_count": 1}),
        (output_faults, "table", {"execution_count": 1}),
        (place_faults, "open('/home/me/x.csv')", {}),
        (place_faults, "open('C:\\\\Users')", {}),
        (place_faults, f"open('{PROJECT}')", {}),
        (import_faults, "import torch", {}),
        (import_faults, "from pandas import DataFrame", {}),
        (import_faults, "from bert_cpu.layers.attention import _MASKED", {}),
        (import_faults, "layer._query_dense", {}),
    ],
)
def test_a_fault_is_found(check, source, changes):
    notebook = make_notebook(source)
    code_cells(notebook)[0].update(changes)
    assert check(notebook)


@pytest.mark.parametrize("text", ["Only English.", "只有中文。"])
def test_a_text_in_one_language_is_found(text):
    assert language_faults(make_notebook(text=text))


@pytest.mark.parametrize("kind", ["error", "stderr"])
def test_a_failure_among_the_outputs_is_found(kind):
    notebook = make_notebook("x = 1")
    output = (
        nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])
        if kind == "error"
        else nbformat.v4.new_output("stream", name="stderr", text="W0000: slow")
    )
    code_cells(notebook)[0].outputs = [output]
    assert output_faults(notebook)


@pytest.fixture
def folder(tmp_path):
    """A folder with two small notebooks; gives it, and what runs them."""
    shutil.copyfile(PROJECT / "notebooks/execute.py", tmp_path / "execute.py")
    says = 'import os\nprint("short" if os.environ["BERT_CPU_SHORT"] else "whole")'
    nbformat.write(
        make_notebook(says, "from pathlib import Path\nprint(Path.cwd().name)"),
        tmp_path / "1_says.ipynb",
    )
    nbformat.write(make_notebook("x = 1", "1 / x - y"), tmp_path / "2_fails.ipynb")

    def run(*arguments):
        return subprocess.run(
            [sys.executable, str(tmp_path / "execute.py"), *arguments],
            cwd=tmp_path.parent,
            capture_output=True,
            text=True,
            check=False,
        )

    return tmp_path, run


def test_a_notebook_is_run_in_its_folder_and_saved(folder):
    directory, run = folder
    before = (directory / "1_says.ipynb").read_bytes()
    assert run("--name", "1", "--short").returncode == 0
    assert (directory / "1_says.ipynb").read_bytes() == before
    result = run("--name", "1_says.ipynb")
    assert result.returncode == 0, result.stderr
    saved = nbformat.read(directory / "1_says.ipynb", as_version=4)
    assert [output.text for output in outputs(saved)] == [
        "whole\n",
        f"{directory.name}\n",
    ]
    assert order_faults(saved) == []
    assert set(saved.metadata) == {"kernelspec", "language_info"}
    # A second run of the same changes nothing.
    once = (directory / "1_says.ipynb").read_bytes()
    assert run("--name", "1").returncode == 0
    assert (directory / "1_says.ipynb").read_bytes() == once


def test_a_notebook_that_fails_stays_as_it_was(folder):
    directory, run = folder
    before = (directory / "2_fails.ipynb").read_bytes()
    result = run("--name", "2")
    assert result.returncode == 1
    assert "2_fails.ipynb stopped" in result.stderr
    assert "1 / x - y" in result.stderr
    assert "NameError" in result.stderr
    assert (directory / "2_fails.ipynb").read_bytes() == before


WAITS = """
import pathlib, time
pathlib.Path({ours!r}).touch()
until = time.monotonic() + 60
while not pathlib.Path({other!r}).exists():
    assert time.monotonic() < until
    time.sleep(0.1)
"""


def test_in_short_two_run_side_by_side(folder):
    directory, run = folder
    for path in directory.glob("*.ipynb"):
        path.unlink()
    for ours, other in (("1_here", "2_there"), ("2_there", "1_here")):
        cell = WAITS.format(ours=ours, other=other)
        nbformat.write(make_notebook(cell), directory / f"{ours}.ipynb")
    result = run("--short")
    assert result.returncode == 0, result.stderr


def test_a_notebook_that_fails_in_short_is_told(folder):
    _, run = folder
    result = run("--short")
    assert result.returncode == 1
    assert "2_fails.ipynb stopped" in result.stderr
    assert "1_says.ipynb stopped" not in result.stderr


def test_a_process_that_is_killed_under_a_notebook_is_told(folder):
    directory, run = folder
    killed = make_notebook("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    nbformat.write(killed, directory / "3_killed.ipynb")
    result = run("--name", "3")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-2:] == ["3_killed.ipynb stopped:", "Kernel died"]


def test_a_name_that_is_none_is_told_in_one_line(folder):
    _, run = folder
    result = run("--name", "says.py")
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        "--name is 'says.py', but must be one of 1_says, 2_fails, or its number."
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_a_notebook_runs_in_short(path):
    result = subprocess.run(
        [sys.executable, "notebooks/execute.py", "--short", "--name", path.stem],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr

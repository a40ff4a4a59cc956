"""Writes the tree of the package into README.md: a line a file, from its docstring.

Run it as `make tree`. A test says when the README has another tree.
"""

import ast
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
_BEGIN, _END = "<!-- tree: written by `make tree` -->\n", "<!-- end of the tree -->\n"
# From the lowest floor up; a folder's own `__init__.py` says what it is.
_FOLDERS = {
    "": "what all floors share",
    "text": "floor 0",
    "native": "floor 0",
    "native/prepare": "",
    "native/training": "",
    "runtime": "floor 1",
    "hardware": "floor 1",
    "report": "floor 1",
    "layers": "floor 1",
    "layers/compiled": "",
    "layers/native": "",
    "data": "floor 1",
    "data/sources": "",
    "data/builders": "",
    "data/damage": "",
    "data/pieces": "",
    "data/pretraining": "",
    "models": "floor 2",
    "tasks": "floor 3",
    "tasks/parts": "",
    "training": "floor 4",
    "training/cluster": "",
    "export": "floor 4",
    "search": "floor 5",
    "serving": "floor 5",
    "calibration": "floor 5",
    "commands": "floor 6",
}
_WIDTH = 34


def main() -> None:
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(with_tree(text), encoding="utf-8")


def with_tree(text: str) -> str:
    """A README's text with the tree between its two marks."""
    before, rest = text.split(_BEGIN)
    _, after = rest.split(_END)
    tree = "\n".join(["bert_cpu/", *_lines()])
    return f"{before}{_BEGIN}\n```\n{tree}\n```\n\n{_END}{after}"


def _lines():
    package = ROOT / "bert_cpu"
    found = {str(path.parent.relative_to(package)) for path in package.rglob("*.py")}
    missing = found - {".", *_FOLDERS}
    if missing:
        raise SystemExit(f"Say in docs/write_tree.py which floor has {missing}.")
    for folder, floor in _FOLDERS.items():
        depth = folder.count("/") + bool(folder)
        if folder:
            about = _about(package / folder / "__init__.py")
            said = f"{floor}: {about[0].lower()}{about[1:]}" if floor else about
            yield _line(depth, folder.rpartition("/")[2] + "/", said)
        for path in sorted((package / folder).glob("*.py")):
            if path.name != "__init__.py":
                yield _line(depth + 1, path.name, _about(path))
        for path in _in_cpp(package / folder):
            yield _line(depth + 1, path.name, _about_cpp(path))


def _line(depth, name, about):
    return f"{'  ' * depth}{name}".ljust(_WIDTH) + " " + about


def _in_cpp(folder):
    """Headers, and sources that have none."""
    headers = {path.stem: path for path in folder.glob("*.h")}
    sources = {path.stem: path for path in folder.glob("*.cc")}
    return [path for _, path in sorted((sources | headers).items())]


def _about_cpp(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("// ").rstrip(".")


def _about(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return docstring.splitlines()[0].rstrip(".")


if __name__ == "__main__":
    main()

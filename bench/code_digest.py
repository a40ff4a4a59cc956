"""What tells programs that were measured from what they are after a change."""

import ast
import hashlib
import pathlib
from collections.abc import Iterable

from bench.contestant import ROOT

# The kernel's sources count, and what was compiled of them, if it was.
_SUFFIXES = (".py", ".cc", ".h", ".so")
_WITH_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def package_digest(root: pathlib.Path = ROOT) -> str:
    """As `code_digest`, of all programs of the package.

    Args:
        root: the project's directory.
    """
    paths = (root / "bert_cpu").rglob("*")
    return code_digest(path for path in paths if path.suffix in _SUFFIXES)


def code_digest(paths: Iterable[pathlib.Path]) -> str:
    """A SHA-256, in hexadecimal digits, that changes with any of the files.

    A comment or docstring of Python changes none.
    """
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        if path.suffix == ".py":
            content = ast.dump(_without_docstrings(ast.parse(content))).encode()
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, _WITH_DOCSTRINGS) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return tree

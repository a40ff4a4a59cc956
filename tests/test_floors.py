"""Imports go down only, light parts stay light, and files stay readable."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parent.parent / "bert_cpu"
FLOORS = {
    # Floors 0, 3 and 6 have steps: `text` may name a setting, and not the reverse.
    "counted": 0.0,
    "errors": 0.0,
    "import_paths": 0.0,
    "native_noise": 0.0,
    "no_search_for_garbage": 0.0,
    "task_names": 0.0,
    "settings": 0.1,
    "pretrain_settings": 0.12,
    "tune_settings": 0.12,
    "stored_settings": 0.14,
    "storage": 0.1,
    "cache_location": 0.1,
    "example": 0.1,
    "mark": 0.1,
    "target": 0.1,
    "text": 0.2,
    "native": 0.1,
    "task": 0.3,
    "runtime": 1,
    "hardware": 1,
    "report": 1,
    "layers": 1,
    "data": 1,
    "models": 2,
    "tasks": 3.0,
    "task_catalog": 3.1,
    "training": 4,
    "export": 4,
    "search": 5,
    "serving": 5,
    "calibration": 5,
    "commands": 6.0,
    "quick_subcommands": 6.1,
    "subcommands": 6.2,
    "parse_arguments": 6.3,
    "cli": 6.4,
}
# They take seconds to import, and a small container does without them.
HEAVY = {"tensorflow", "keras", "transformers", "tensorflow_datasets"}
# Slow to import as well, and used while training only.
TRAINING_ONLY = {"h5py", "jieba", "keras_tuner", "matplotlib", "scipy", "sklearn"}
# No function of these imports what is heavy.
LIGHT = {
    "counted",
    "errors",
    "import_paths",
    "native_noise",
    "no_search_for_garbage",
    "task_names",
    "settings",
    "pretrain_settings",
    "tune_settings",
    "stored_settings",
    "storage",
    "cache_location",
    "example",
    "mark",
    "target",
    "text",
    "native",
    "task",
    "runtime",
    "hardware",
    "report",
}
# These leave what is heavy to `commands`, which they call inside a function.
COMMAND_LINE = ("", "cli", "parse_arguments", "quick_subcommands", "subcommands")
# Commands that answer at once.
QUICK = [
    "bert_cpu.commands.fsck",
    "bert_cpu.commands.hardware",
    "bert_cpu.commands.predict",
    "bert_cpu.commands.search",
]
# torch and its kind are other products; pickle runs what a file says.
BANNED = {
    "torch",
    "tf_keras",
    "tensorflow_text",
    "pickle",
    "cPickle",
    "cloudpickle",
    "dill",
    "marshal",
    "shelve",
}
# Each runs code that it finds in a file or in a text.
BANNED_CALLS = {"eval", "exec", "load_model"}
MAX_LINES = 300
NAMELESS = re.compile(r"(utils?|helpers?|misc|common)(\.py)?")


def _source_files():
    return sorted(PACKAGE.rglob("*.py"))


def _module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _unit(module):
    """The part of the package that a module is in: `bert_cpu.data.x` -> `data`."""
    return module.split(".")[1] if "." in module else ""


def _imports(nodes, module):
    """The dotted name of all that `nodes` import, as if written out in full.

    `from a import b` gives both `a` and `a.b`: b may be a module.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                package = module.rsplit(".", node.level)[0]
                source = f"{package}.{source}".rstrip(".")
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func).rsplit(".")[-1]
            name = getattr(node.args[0], "value", None)
            if called in ("import_module", "__import__") and isinstance(name, str):
                yield name


def _run_at_import(tree):
    """All nodes but those inside functions: what runs when a module is imported."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if not isinstance(
                child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
            ):
                waiting.append(child)
            elif not isinstance(child, ast.Lambda):
                waiting.extend(child.decorator_list)


def _floor_faults(source, module):
    """Imports of `source` that don't go down."""
    unit = _unit(module)
    faults = set()
    for name in _imports(ast.walk(ast.parse(source)), module):
        other = _unit(name)
        if name.split(".")[0] != "bert_cpu" or other in ("", "__version__", unit):
            continue
        if FLOORS.get(other, 99) >= FLOORS.get(unit, 99):
            faults.add(f"{module} imports {name}")
    return faults


def _heavy_faults(source, module):
    """Imports of `source` that a light part may not have, in functions or out."""
    tree = ast.parse(source)
    if _unit(module) in LIGHT:
        nodes = ast.walk(tree)
    elif _unit(module) in COMMAND_LINE:
        nodes = _run_at_import(tree)
    else:
        return set()
    names = {name.split(".")[0] for name in _imports(nodes, module)}
    return {f"{module} imports {name}" for name in names & HEAVY}


def _banned_faults(source, module):
    """What has no place anywhere in `source`."""
    tree = ast.parse(source)
    names = {name.split(".")[0] for name in _imports(ast.walk(tree), module)}
    faults = {f"{module} imports {name}" for name in names & BANNED}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in BANNED_CALLS or called.endswith(".load_model"):
                faults.add(f"{module} calls {called}")
            for keyword in node.keywords:
                if keyword.arg == "allow_pickle" and ast.unparse(keyword) != (
                    "allow_pickle=False"
                ):
                    faults.add(f"{module} lets {called} unpickle")
    return faults


def _logic_faults(source, module):
    """Statements of an `__init__.py` beside its docstring (and the version)."""
    return {
        f"{module}, line {statement.lineno}: {ast.unparse(statement)[:60]}"
        for statement in ast.parse(source).body
        if not (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
        )
        and not (module == "bert_cpu" and ast.unparse(statement)[:11] == "__version__")
    }


def _faults(check, paths):
    found = set()
    for path in paths:
        found |= check(path.read_text(encoding="utf-8"), _module_name(path))
    return sorted(found)


def test_every_part_has_a_floor():
    parts = {_unit(_module_name(path)) for path in _source_files()} - {""}
    assert parts <= set(FLOORS), "give each new part a floor in this file"


def test_imports_go_down_only():
    assert _faults(_floor_faults, _source_files()) == []


def test_light_parts_name_nothing_heavy():
    assert _faults(_heavy_faults, _source_files()) == []


def test_nothing_banned_is_imported_or_called():
    assert _faults(_banned_faults, _source_files()) == []


def test_init_files_hold_no_logic():
    paths = [path for path in _source_files() if path.name == "__init__.py"]
    assert _faults(_logic_faults, paths) == []


def test_files_are_short_enough_to_read():
    lines = {
        str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8").count("\n")
        for path in _source_files()
    }
    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}


def test_names_say_what_is_inside():
    names = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*")
        if NAMELESS.fullmatch(path.name)
    ]
    assert names == []


@pytest.mark.parametrize(
    "parts, libraries",
    [
        (LIGHT | set(COMMAND_LINE), HEAVY),
        # The report draws; all that answers, or only parses, does not.
        (
            LIGHT - {"report"} | {"tasks", "task_catalog", "serving", *COMMAND_LINE},
            HEAVY | TRAINING_ONLY,
        ),
    ],
)
def test_importing_light_parts_imports_nothing_heavy(parts, libraries):
    """What the source can't tell: functions that run at import, and libraries."""
    names = [
        name for name in map(_module_name, _source_files()) if _unit(name) in parts
    ]
    names += QUICK
    program = (
        "import importlib, sys\n"
        f"for name in {names}: importlib.import_module(name)\n"
        f"print([name for name in {sorted(libraries)} if name in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.parametrize(
    "check, module, source",
    [
        (_floor_faults, "bert_cpu.layers.x", "from bert_cpu.models import encoder"),
        (_floor_faults, "bert_cpu.layers.x", "import bert_cpu.data.features"),
        (_floor_faults, "bert_cpu.layers.x", "from bert_cpu import data"),
        (_floor_faults, "bert_cpu.layers.x", "from ..data import features"),
        (_floor_faults, "bert_cpu.layers.x", "def f():\n    import bert_cpu.cli"),
        (_heavy_faults, "bert_cpu.runtime.x", "def f():\n    import tensorflow"),
        (_heavy_faults, "bert_cpu.text", "import_module('keras.ops')"),
        (_heavy_faults, "bert_cpu.cli", "try:\n    from keras import ops\nfinally: 1"),
        (_banned_faults, "bert_cpu.data.x", "def f():\n    import torch.nn"),
        (_banned_faults, "bert_cpu.data.x", "import pickle"),
        (_banned_faults, "bert_cpu.models.x", "keras.models.load_model(path)"),
        (_banned_faults, "bert_cpu.data.x", "np.load(path, allow_pickle=True)"),
        (_logic_faults, "bert_cpu.data", '"""Data."""\nfrom x import y'),
    ],
)
def test_a_fault_is_found(check, module, source):
    assert len(check(source, module)) >= 1


@pytest.mark.parametrize(
    "check, module, source",
    [
        (_floor_faults, "bert_cpu.models.x", "from bert_cpu.layers import embeddings"),
        (_floor_faults, "bert_cpu.models.x", "from bert_cpu.models import encoder"),
        (_floor_faults, "bert_cpu.models.x", "from bert_cpu import __version__"),
        (_heavy_faults, "bert_cpu.cli", "def f():\n    import tensorflow"),
        (_heavy_faults, "bert_cpu.models.x", "import tensorflow"),
        (_banned_faults, "bert_cpu.data.x", "np.load(path, allow_pickle=False)"),
        (_logic_faults, "bert_cpu.data", '"""Data."""'),
    ],
)
def test_what_is_allowed_is_no_fault(check, module, source):
    assert check(source, module) == set()

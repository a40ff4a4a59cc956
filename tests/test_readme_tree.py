"""The README's tree is the package's."""

import importlib.util


def load_writer(project_dir):
    path = project_dir / "docs" / "write_tree.py"
    spec = importlib.util.spec_from_file_location("write_tree", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_has_a_line_for_each_file(project_dir):
    readme = (project_dir / "README.md").read_text(encoding="utf-8")
    lines = {line.split()[0] for line in readme.splitlines() if line.strip()}
    for path in (project_dir / "bert_cpu").rglob("*.py"):
        if path.name != "__init__.py":
            assert path.name in lines, path


def test_the_readme_has_the_tree_of_now(project_dir):
    readme = (project_dir / "README.md").read_text(encoding="utf-8")
    # Where they differ: `make tree`.
    assert load_writer(project_dir).with_tree(readme) == readme

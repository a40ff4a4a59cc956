"""Results are gone on with where they were measured, and are never lost."""

import copy
import json
import pathlib
import sys

import pytest

from bench import __main__ as program
from bench import write_page
from bench.machine import read_versions
from bench.of_other_code import of_other_code
from bench.results import Results
from bench.write_report import report_text

SETTINGS = {"rounds": 2, "long_rounds": 1, "quick": True}
ORIGIN = {
    "machine": {
        "model": "A CPU",
        "cores": [0, 1],
        "threads_per_core": 1,
        "simd": ["avx2"],
        "memory_gb": 8.0,
        "system": "Linux 6",
        "load": 0.1,
    },
    "versions": {"ours": {"keras": "3.15.1"}, "peers": {"torch": "2.13.0"}},
    "tuned": None,
    "code": {"one answer": "aaaa", "cold start": "bbbb", "growth": "cccc"},
}
ROW = {"job": "one answer", "case": "length 16", "peer": "them"}
KEY = "one answer | length 16"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "bench.json"
    Results(path, SETTINGS, ORIGIN, resume=False).add(KEY, [ROW])
    return path


def go_on(path, settings=SETTINGS, **changes):
    return Results(path, settings, ORIGIN | changes, resume=True)


def test_a_half_benchmark_goes_on_with_what_is_there(path):
    found = go_on(path)
    assert found.has(KEY)
    assert not found.has("another")
    assert found.get("rows") == json.loads(path.read_text())["rows"] == [ROW]
    assert found.get("machine") == ORIGIN["machine"]
    assert of_other_code(found.all()) == []


def changed(name, **fields):
    return {name: copy.deepcopy(ORIGIN[name]) | fields}


@pytest.mark.parametrize(
    "changes, said",
    [
        (changed("machine", model="B"), "machine.model A CPU, but here is B"),
        (
            changed("machine", cores=[0]),
            r"machine.cores \[0, 1\], but here is \[0\]",
        ),
        (
            changed("versions", peers={"torch": "2.14.0"}),
            "versions peers torch 2.13.0, but here is 2.14.0",
        ),
        (
            changed("versions", peers={}),
            "versions peers torch 2.13.0, but here is None",
        ),
        ({"tuned": {"measured_at": "now"}}, "tuned None, but here is {'measured_at"),
        ({"settings": SETTINGS | {"rounds": 3}}, "'rounds': 2.*, not with.*'rounds'"),
    ],
)
def test_what_was_measured_elsewhere_is_not_gone_on_with(path, changes, said):
    before = path.read_text()
    with pytest.raises(SystemExit, match=f"measured with .*{said}") as caught:
        go_on(path, **changes)
    assert str(caught.value).endswith("leave --resume out to measure all of it again.")
    assert path.read_text() == before


def test_another_load_is_no_other_machine(path):
    found = go_on(path, **changed("machine", load=3.0, system="Linux 7"))
    assert found.get("machine")["load"] == 0.1


def test_cases_of_before_the_code_was_changed_are_named(path):
    code = ORIGIN["code"] | {"one answer": "dddd"}
    found = go_on(path, code=code)
    found.add("cold start | new process", [])
    found.set("growth", [])
    assert of_other_code(found.all()) == ["one answer"]
    found.set("growth", [{"axis": "length", "points": [], "departs": []}])
    assert of_other_code(found.all()) == ["one answer"]
    changed_again = code | {"cold start": "eeee", "growth": "ffff"}
    assert of_other_code(go_on(path, code=changed_again).all()) == [
        *("one answer", "cold start", "growth"),
    ]
    whole = found.all() | {"rows": [], "growth": []}
    text = report_text(whole, pathlib.Path("nowhere"), "nowhere")
    assert "Measured before the code was changed: one answer.\n" in text
    assert "torch 2.13.0; ours with its defaults." in text
    assert of_other_code({"finished": [KEY]}) == []
    # Of before each job had a digest of its own.
    old = {"finished": [KEY], "code": "aaaa", "codes": {KEY: "aaaa"}}
    assert of_other_code(old) == ["one answer"]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"rows": {}, "finished": []}'])
def test_what_holds_no_results_is_said(path, text):
    path.write_text(text)
    with pytest.raises(SystemExit, match="holds no results of a benchmark. Put it"):
        go_on(path)
    assert path.read_text() == text


def test_without_resuming_the_old_results_are_kept_beside(path):
    old = path.read_text()
    fresh = Results(path, SETTINGS, ORIGIN, resume=False)
    assert not fresh.has(KEY)
    assert path.with_name("bench.json.old").read_text() == old
    fresh.set("growth", [])  # And is stopped, and begun again.
    Results(path, SETTINGS, ORIGIN, resume=False)
    assert path.with_name("bench.json.old").read_text() == old


@pytest.mark.parametrize(
    "options, said",
    [
        (["--rounds", "0"], "--rounds is 0, but must be 1 or more"),
        (["--peers", "/nowhere"], "there is no /nowhere: run `make bench`"),
        (["--output", "/dev/null/x"], "--output '/dev/null/x' can't be made (Not a"),
        (["--work", "/dev/null/x"], "--work '/dev/null/x' can't be made (Not a"),
    ],
)
def test_wrong_options_are_said(options, said, capsys):
    with pytest.raises(SystemExit):
        program.main(["--peers", sys.executable, *options])
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("python", ["/bin/false", "/bin/echo", "/"])
def test_peers_without_a_python_are_said(python):
    with pytest.raises(SystemExit, match=f"'{python}' does not run Python. Give the"):
        read_versions({"peers": python})


def test_a_page_without_results_asks_for_them(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["write_page", str(tmp_path / "bench.json")])
    with pytest.raises(SystemExit, match="There is no '.*bench.json': run `make bench"):
        write_page.main()

"""A job's results belong to the programs that it takes, and to no others."""

import pytest

from bench.catalog import GROWTH, JOBS
from bench.contestant import ROOT
from bench.contestants import CONTESTANTS, Entry
from bench.job_digests import job_digests, programs_of


@pytest.fixture
def project(tmp_path):
    """A benchmark of one job, whose race has two contestants."""
    texts = {
        "bench/jobs/walk.py": "from bench.case import Case\nPEERS = ('slow', 'fast')",
        "bench/case.py": "",
        "bench/race.py": "import bench.turns",
        "bench/turns.py": "from os import path",
        "bench/peers/slow.py": "PROGRAM = 'bench.peers.step'",
        "bench/peers/step.py": "",
        "bench/peers/fast.py": "from bench.peers import made",
        "bench/peers/made.py": "",
        "bench/peers/other.py": "",
        "bert_cpu/layer.py": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


ENTRIES = {
    name: Entry(f"bench.peers.{name}", "peers") for name in ("slow", "fast", "other")
}


def test_a_job_takes_what_it_imports_and_names(project):
    paths, named = programs_of("bench.jobs.walk", project, ENTRIES)
    assert sorted(str(path.relative_to(project / "bench")) for path in paths) == [
        *("case.py", "jobs/walk.py", "peers/fast.py", "peers/made.py"),
        *("peers/slow.py", "peers/step.py"),
    ]
    assert named == {"slow", "fast"}


def digest(project, entries=ENTRIES):
    return job_digests(project, {"walk": "bench.jobs.walk"}, entries)["walk"]


@pytest.mark.parametrize(
    "name, is_another",
    [
        ("bench/case.py", True),
        ("bench/turns.py", True),
        ("bench/peers/step.py", True),
        ("bench/peers/made.py", True),
        ("bert_cpu/layer.py", True),
        ("bench/peers/other.py", False),
    ],
)
def test_a_jobs_digest_changes_with_what_it_takes_alone(project, name, is_another):
    before = digest(project)
    (project / name).write_text("changed = 1")
    assert (digest(project) != before) is is_another


@pytest.mark.parametrize(
    "text, is_another",
    [
        ("1\n", False),
        ("# One.\n1", False),
        ("'One.'\n1", False),
        ("'One.'\n2", True),
        ("'One.'", True),
    ],
)
def test_comments_and_docstrings_are_no_programs(project, text, is_another):
    layer = project / "bert_cpu" / "layer.py"
    layer.write_text("'Of one.'\n1")
    before = digest(project)
    layer.write_text(text)
    assert (digest(project) != before) is is_another


@pytest.mark.parametrize("name", ["kernel.cc", "kernel.h", "kernel.so"])
def test_the_kernel_belongs_to_every_job(project, name):
    before = digest(project)
    (project / "bert_cpu" / name).write_bytes(b"\x7f")
    assert digest(project) != before


def test_what_is_no_program_belongs_to_none(project):
    before = digest(project)
    (project / "bert_cpu" / "words.txt").write_text("2")
    assert digest(project) == before


def test_another_option_of_a_contestant_is_another_program(project):
    other = Entry("bench.peers.slow", "peers", options={"dtype": "float32"})
    assert digest(project, ENTRIES | {"slow": other}) != digest(project)
    assert digest(project, ENTRIES | {"other": other}) == digest(project)


def test_every_job_has_a_digest_and_its_contestants():
    assert set(job_digests()) == {*JOBS, GROWTH, "limits"}
    _, named = programs_of("bench.jobs.many_answers", ROOT, CONTESTANTS)
    assert {"ours, texts", "OpenVINO int8", "ONNX Runtime"} <= named
    assert "KerasHub" not in named

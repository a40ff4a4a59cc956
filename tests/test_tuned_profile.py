"""A measured profile holds on the machine that it was measured on, and nowhere else."""

import dataclasses
import json
import pwd

import pytest
from tuned_machine import HARDWARE, MACHINE, TUNED, WHY

from bert_cpu.data.cache import cache_dir
from bert_cpu.errors import UserError
from bert_cpu.hardware.answering import Answering, choose_answering
from bert_cpu.hardware.describe_tuned import describe_tuned
from bert_cpu.hardware.find_tuned_profile import find_tuned_profile
from bert_cpu.hardware.machine import describe_machine
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.hardware.tuned_profile import TunedProfile
from bert_cpu.native.encoder_delegate import why_not
from bert_cpu.native.training_library import why_no_training_library


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "tuned.json"
    TUNED.save(path)
    return path


def find(path, **changes):
    return find_tuned_profile(HARDWARE, path, MACHINE | changes)


def damage(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_it_is_read_as_it_was_written(path):
    assert find(path) == (TUNED, None)


def test_none_is_no_mistake(tmp_path):
    assert find(tmp_path / "tuned.json") == (None, None)


def test_it_is_looked_for_in_the_cache(path, monkeypatch):
    monkeypatch.setenv("BERT_CPU_CACHE", str(path.parent))
    assert find_tuned_profile(HARDWARE, machine=MACHINE) == (TUNED, None)


@pytest.fixture(params=[None, "~nobody-of-this-name/cache"])
def homeless(request, monkeypatch):
    """As in a container whose user has no entry in /etc/passwd."""

    def unknown(_):
        raise KeyError

    for name in ("getpwuid", "getpwnam"):
        monkeypatch.setattr(pwd, name, unknown)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("BERT_CPU_CACHE", raising=False)
    if request.param:
        monkeypatch.setenv("BERT_CPU_CACHE", request.param)
    return request.param or "~/.cache/bert_cpu"


def test_without_a_home_there_is_none_and_nothing_to_say(homeless):
    assert find(None) == (None, None)


def test_without_a_home_the_cache_is_asked_for(homeless):
    with pytest.raises(UserError, match=f"home directory for '{homeless}'. Set BERT"):
        cache_dir()


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"processor": "B"}, "with processor A Processor, but here are processor B"),
        (
            {"instructions": "avx2 fma"},
            "with instructions avx512_bf16, but here are instructions avx2 fma",
        ),
        ({"cores": 4}, "with cores 8, but here are cores 4"),
        ({"cpu_limit": None}, "with cpu limit 7.5, but here are cpu limit none"),
        ({"memory_limit": 1 << 30}, "limit none, but here are memory limit 1073741824"),
        (
            {"libraries": {"ai_edge_litert": "2.4.0"}},
            "libraries ai_edge_litert 2.3.0, but here are libraries ai_edge_litert 2.4",
        ),
    ],
)
def test_one_of_another_machine_is_ignored_and_it_is_said(path, changes, said):
    profile, note = find(path, **changes)
    assert profile is None
    assert said in note
    assert note.endswith("`bert-cpu hardware --tune`, or delete it.")
    assert "\n" not in note


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda c: c.pop("training"), "is damaged (KeyError: 'training')"),
        (lambda c: c["training"].update(dtype="int4"), "training.dtype is 'int4'"),
        (lambda c: c["training"].update(threads=9), "threads is 9, not 1 to 8"),
        (lambda c: c["training"].update(threads=True), "threads is True"),
        (lambda c: c["training"].pop("why"), "is damaged (TypeError"),
        (lambda c: c["answering"].update(instances=0), "instances is 0, not 1 to 8"),
        (lambda c: c["answering"].update(refuses_int8="no"), "refuses_int8 is 'no'"),
        (lambda c: c["answering"].update(extra=1), "is damaged (TypeError"),
        (lambda c: c.update(machine=[]), "is damaged (TypeError"),
        (lambda c: c.update(seconds="long"), "is damaged (ValueError"),
        (lambda c: c.update(seconds=float("nan")), "seconds is nan"),
        (lambda c: c.update(measured_at="\x1b[31m"), "is damaged (ValueError"),
        (lambda c: c.update(findings=[1]), "findings is 1"),
        (lambda c: c.update(findings="all"), "findings is 'all'"),
        (lambda c: c.update(measurements=[1]), "measurements is 1"),
        (lambda c: c["answering"].update(instances=8), "threads_each is 16, not 1 to"),
        (lambda c: c.update(version=2), "version 2, but 'bert_cpu.tuned', version 1"),
    ],
)
def test_a_damaged_one_is_ignored_in_one_line(path, change, said):
    damage(path, change)
    profile, note = find(path)
    assert profile is None
    assert note.startswith("The measured profile is ignored: ")
    assert said in note
    assert "bert-cpu hardware --tune" in note
    assert "\n" not in note


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"\xff", b"", b"[" * 100_000, b"9" * 5000]
)
def test_what_is_no_profile_is_ignored_in_one_line(path, content):
    path.write_bytes(content)
    profile, note = find(path)
    assert profile is None
    assert note.count("\n") == 0
    assert str(path) in note


def test_a_directory_in_its_place_is_said(tmp_path):
    profile, note = find(tmp_path)
    assert profile is None
    assert "can't be read (Is a directory)" in note


def test_a_directory_in_its_place_does_not_stop_loading_from_saying_so(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        TunedProfile.load(tmp_path / "nothing.json")


def test_the_machine_is_told_by_its_limits_too(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    (tmp_path / "proc/self/mountinfo").write_text(
        "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    )
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("150000 100000\n")
    (group / "memory.max").write_text("2000000000\n")
    libraries = tmp_path / "lib"
    (libraries / "ai_edge_litert-9.8.7.dist-info").mkdir(parents=True)
    (libraries / "ai_edge_litert_nightly-1.dist-info").mkdir()
    machine = describe_machine(
        HARDWARE, tmp_path, [str(tmp_path / "no"), str(libraries)]
    )
    assert machine == {
        "processor": "A Processor",
        "instructions": "avx512_bf16",
        "threads_per_core": 2,
        "cores": 8,
        "cpu_limit": 1.5,
        "memory_limit": 2_000_000_000,
        "int8_kernel": why_not() is None,
        "training_kernel": why_no_training_library() is None,
        "libraries": {"ai_edge_litert": "9.8.7"},
    }
    assert json.loads(json.dumps(machine)) == machine  # Else it never compares equal.


def test_versions_are_those_that_the_libraries_have():
    import importlib.metadata

    found = describe_machine(HARDWARE)["libraries"]
    assert found["ai_edge_litert"] == importlib.metadata.version("ai-edge-litert")


def test_training_takes_what_was_measured():
    profile = choose_profile(HARDWARE, tuned=TUNED)
    assert (profile.dtype, profile.threads) == ("float32", 4)
    assert (
        profile.why
        == f"4 threads, which was measured to be fastest; float32, as {WHY}."
    )
    assert profile.environment()["TF_NUM_INTEROP_THREADS"] == "4"


def test_what_is_asked_for_wins_over_what_was_measured():
    profile = choose_profile(HARDWARE, "bfloat16", 8, tuned=TUNED)
    assert (profile.dtype, profile.threads) == ("bfloat16", 8)
    assert profile.why == f"8 threads as asked for; bfloat16 as asked for, but {WHY}."
    assert choose_profile(HARDWARE, "float32", 8, tuned=TUNED).dtype == "float32"


def test_several_processes_take_the_default():
    """What was measured is one process with all cores."""
    assert choose_profile(HARDWARE, workers=2, tuned=TUNED) == choose_profile(
        HARDWARE, workers=2
    )


@pytest.mark.parametrize("tuned", [None, dataclasses.replace(TUNED, training=None)])
def test_what_was_not_measured_keeps_the_default(tuned):
    assert choose_profile(HARDWARE, tuned=tuned) == choose_profile(HARDWARE)


@pytest.mark.parametrize(
    "asked, tuned, expected",
    [
        ({}, None, Answering(8, 8, 1)),
        ({}, TUNED, Answering(2, 4, 2, True, True)),
        ({}, dataclasses.replace(TUNED, answering=None), Answering(8, 8, 1)),
        # Whoever limits threads gets no more of them.
        ({"threads": 1}, None, Answering(1, 1, 1)),
        ({"threads": 1}, TUNED, Answering(1, 1, 1, True, True)),
        ({"threads": 3, "instances": 2}, TUNED, Answering(3, 2, 3, True, True)),
        ({"instances": 2}, None, Answering(8, 2, 4)),
        ({"instances": 3}, TUNED, Answering(2, 3, 2, True, True)),
    ],
)
def test_answering_takes_what_was_asked_then_measured_then_the_default(
    asked, tuned, expected
):
    assert choose_answering(HARDWARE, **asked, tuned=tuned) == expected


def test_by_default_there_are_at_most_16_interpreters():
    large = dataclasses.replace(HARDWARE, cores=64)
    assert choose_answering(large) == Answering(64, 16, 4)


@pytest.mark.parametrize(
    "asked, said",
    [
        ({"threads": -1}, "--threads is -1, but must be 0 or more."),
        ({"instances": -1}, "--instances is -1, but must be 0 or more."),
        ({"instances": 9}, "--instances is 9, but must be 0 to 8, the cores"),
    ],
)
def test_impossible_numbers_are_refused(asked, said):
    with pytest.raises(UserError, match=said):
        choose_answering(HARDWARE, **asked)


def test_the_description_says_when_and_what(monkeypatch):
    monkeypatch.setenv("BERT_CPU_KERNEL", "0")
    why_not.cache_clear()
    lines = describe_tuned(choose_answering(HARDWARE, tuned=TUNED), TUNED, None)
    assert lines.splitlines() == [
        "answers       one text: 2 threads",
        "              many texts: 4 interpreters, 2 threads each",
        "              int8: LiteRT's own kernels, as BERT_CPU_KERNEL is 0",
        "trains        bfloat16: TensorFlow's own, as BERT_CPU_KERNEL is 0",
        "measured      2026-01-02 03:04:05 UTC, in 41 s",
        "              Training: float32, 4 threads.",
        "              int8 is refused.",
    ]
    nothing = describe_tuned(Answering(1, 1, 1), None, None)
    assert nothing.splitlines()[4].endswith("nothing yet: `bert-cpu hardware --tune`")
    assert "is ignored" in describe_tuned(Answering(1, 1, 1), None, "It is ignored.")
    why_not.cache_clear()

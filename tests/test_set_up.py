"""What `make` does before and around a command: set-up, options, help."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

PROJECT = pathlib.Path(__file__).resolve().parent.parent


def write_command(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def make(tmp_path):
    """Runs make in a clone that is set up, whose bert-cpu prints its arguments."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    for name in ("setup.cfg", "setup.py", "pyproject.toml"):
        shutil.copyfile(PROJECT / name, tmp_path / name)
    shutil.copytree(PROJECT / "requirements", tmp_path / "requirements")
    write_command(
        tmp_path / ".venv/bin/bert-cpu",
        'python3 -c "import json, sys; print(json.dumps(sys.argv[1:]))" "$@"',
    )
    (tmp_path / ".venv/installed").touch()

    def run(*arguments, **environment):
        # Only PATH: a make around these tests would pass on its own options.
        result = subprocess.run(
            ["make", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]} | environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return result.stdout

    return run


def test_make_alone_lists_every_target_in_one_line(make):
    targets = [
        line.removeprefix(".PHONY: ")
        for line in (PROJECT / "Makefile").read_text().splitlines()
        if line.startswith(".PHONY: ")
    ]
    listed = [line.split(maxsplit=2) for line in make().splitlines()]
    assert [words[1] for words in listed] == targets
    assert all(len(words) == 3 for words in listed)


@pytest.mark.parametrize("name", ["encoder.cc", "prepare/module.cc"])
def test_changed_code_in_cpp_is_compiled_anew(make, tmp_path, name):
    source = tmp_path / "bert_cpu/native" / name
    source.parent.mkdir(parents=True)
    source.touch()
    os.utime(source, (1, 1))
    set_up = "requirements/make_venv.sh .venv"
    assert set_up not in make("--dry-run", "train")
    os.utime(source)
    assert set_up in make("--dry-run", "train")


def test_train_alone_leaves_every_choice_to_the_command(make):
    assert json.loads(make("train")) == ["train"]


@pytest.mark.parametrize(
    "value",
    ["my reviews.csv", "it's", 'a "b"', "$5 or $(HOME)", "`ls`; ls", "- 好评 *"],
)
def test_a_value_arrives_as_it_was_typed(make, value):
    arguments = json.loads(make("train", f"DATA={value}", "LEARNING_RATE=3e-5"))
    assert arguments == ["train", "--data", value, "--learning-rate", "3e-5"]
    arguments = json.loads(make("predict", "NAME=my run", f"TEXT={value}"))
    assert arguments == ["predict", "runs/my run", "--", value]
    arguments = json.loads(make("fsck", f"DIR={value}", "ENCODER=my bert"))
    assert arguments == ["fsck", "--encoder", "my bert", "--", value]


def test_switches_are_on_only_if_asked_for(make):
    arguments = make("train", "RESUME=1", "OVERWRITE=0", "ARGS=--ema 0.9")
    assert json.loads(arguments) == ["train", "--resume", "--ema", "0.9"]
    arguments = make("prepare", "OUTPUT=my records", "OVERWRITE=1")
    assert json.loads(arguments) == ["prepare", "--output", "my records", "--overwrite"]


def test_tune_passes_its_options_on(make):
    arguments = make("tune", "BUDGET=1h30m", "NAME=mine", "WORKERS=2", "DATA=a b.csv")
    assert sorted(json.loads(arguments)) == sorted(
        ["tune", "--budget", "1h30m", "--name", "mine", "--workers", "2"]
        + ["--data", "a b.csv"]
    )
    arguments = make("tune", "MAX_LATENCY_MS=5", "SPACE=s.yaml", "RESUME=1")
    assert sorted(json.loads(arguments)) == sorted(
        ["tune", "--max-latency-ms", "5", "--space", "s.yaml", "--resume"]
    )


def test_notebooks_are_run_by_the_python_of_the_environment(make, tmp_path):
    write_command(tmp_path / ".venv/bin/python", 'echo "$@"')
    script = "notebooks/execute.py"
    assert make("notebooks").split() == [script]
    assert make("notebooks", "NAME=3").split() == [script, "--name", "3"]
    assert make("notebooks", "SHORT=1").split() == [script, "--short"]
    assert make("notebooks", "SHORT=0", NAME="laptop").split() == [script]


def test_a_variable_of_the_shell_is_not_an_option(make):
    arguments = make("tflite", NAME="my-laptop", DATA="elsewhere.csv")
    assert json.loads(arguments) == ["export", "--name", "movie_reviews"]
    assert json.loads(make("fsck", DIR="elsewhere")) == ["fsck", "--", "records"]


@pytest.fixture
def make_venv(tmp_path):
    """Runs make_venv.sh where only the commands of `commands` are found."""

    def run(**commands):
        bin_dir = tmp_path / "bin"
        for name in ("sh", "dirname", "mktemp", "rm"):
            write_command(bin_dir / name, f'exec {shutil.which(name)} "$@"')
        for name, script in commands.items():
            write_command(bin_dir / name.replace("_", "-"), script)
        return subprocess.run(
            ["/bin/sh", PROJECT / "requirements/make_venv.sh", tmp_path / "venv"],
            env={"PATH": str(bin_dir), "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


# Answers the question for the version, and lacks ensurepip.
BARE_PYTHON = 'case "$2" in *version_info*) echo 3.11 ;; *) exit 1 ;; esac'


@pytest.mark.parametrize(
    "commands, found",
    [({}, "no python3 found"), ({"python3": "echo 3.9"}, "python3 is 3.9")],
)
def test_a_python_that_is_too_old_is_named_in_one_line(make_venv, commands, found):
    result = make_venv(**commands)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        f"make: Python 3.11, 3.12 or 3.13 is needed ({found}). "
        "Install one, such as python3.11, and run make again."
    ]


def test_a_missing_debian_package_is_named_in_one_line(make_venv):
    result = make_venv(python3=BARE_PYTHON, id="echo 1000")
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        "make: python3 cannot make virtual environments. "
        "Run: sudo apt-get install python3.11-venv"
    ]


def test_root_on_debian_gets_the_package_installed(make_venv, tmp_path):
    log = tmp_path / "apt.txt"
    make_venv(python3=BARE_PYTHON, id="echo 0", apt_get=f'echo "$@" >> {log}')
    assert log.read_text().splitlines() == [
        "update",
        "install -y --no-install-recommends python3.11-venv",
    ]


def test_locks_name_a_hash_for_every_release_and_no_address():
    for lock in (PROJECT / "requirements").glob("*.lock"):
        text = lock.read_text()
        releases = [line for line in text.splitlines() if line[0] not in " #"]
        assert all("==" in line and line.endswith("\\") for line in releases), lock
        assert "://" not in text, lock
        assert "--index" not in text, lock
        assert "--find-links" not in text, lock


@pytest.mark.parametrize("written", ["records", "runs", "sweeps"])
def test_git_leaves_out_what_commands_write_by_default(written):
    if not (PROJECT / ".git").exists():
        pytest.skip("not a clone")
    asked = ["git", "check-ignore", "--quiet", f"{written}/mine"]
    assert subprocess.run(asked, cwd=PROJECT, check=False).returncode == 0

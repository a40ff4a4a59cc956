"""Every mistake that a user can make is one line, and costs nothing."""

import pathlib
import shutil

import pytest
from tiny_command import QUICK, bert_cpu, write_alphabet_encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return write_alphabet_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty directory to stand in, so that files have short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_copy(reviews_run, here):
    """A trained and converted run, runs/run, to be damaged."""
    return pathlib.Path(shutil.copytree(reviews_run.directory, here / "runs" / "run"))


@pytest.fixture
def train(here, encoder):
    """Types `bert-cpu train` for the run runs/run."""

    def train(data, *options):
        named = ("--encoder", encoder, "--name", "run")
        return bert_cpu("train", "--data", data, *named, *QUICK, *options)

    return train

"""A directory to stand in, and models of any task that answer the files there."""

import pytest
from files_asked import models_in, predict_in


@pytest.fixture(scope="module")
def model_of(tmp_path_factory):
    """Task -> the directory of a converted model, made once."""
    return models_in(tmp_path_factory.mktemp("models"))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty directory to stand in, so that files have short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def predict(model_of, here):
    """What `predict --json` says of a file with this content, or of `words`."""
    return predict_in(here, model_of)

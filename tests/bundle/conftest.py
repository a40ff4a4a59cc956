"""A bundle that this package did not write, whose answers are known."""

import pytest
import tiny_bundle
from reference import stored


@pytest.fixture(scope="module")
def reference():
    return stored.read("random_tanh")


@pytest.fixture(scope="module")
def original(tmp_path_factory, reference):
    """A bundle that this package did not write, with a known answer."""
    directory = tmp_path_factory.mktemp("original") / "bundle"
    return tiny_bundle.write_bundle(directory, reference.weights(), reference.config)

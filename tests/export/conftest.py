"""A tiny classifier, its logits in longhand, and what an export makes of it."""

import pytest
import tiny_bundle
from tiny_export import expected_logits, export_tiny, sequences_at_edges


@pytest.fixture(scope="module")
def weights():
    return tiny_bundle.random_weights()


@pytest.fixture(scope="module")
def sequences():
    return sequences_at_edges()


@pytest.fixture(scope="module")
def expected(weights, sequences):
    return expected_logits(weights, sequences)


@pytest.fixture(scope="module")
def exported(tmp_path_factory, weights, sequences, expected):
    """A run directory and its report; the trained model is right but once."""
    run_dir = tmp_path_factory.mktemp("runs") / "tiny"
    return run_dir, *export_tiny(run_dir, weights, sequences, expected)


@pytest.fixture(scope="module")
def converted(exported):
    directory = exported[0] / "tflite"
    return {name: directory / f"{name}.tflite" for name in ("float32", "int8")}

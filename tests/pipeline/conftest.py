"""Made-up records in each format, and the batches of their first epoch."""

import pytest
from made_up_batches import FORMATS, batches_of, made_up_rows, prepare_formats


@pytest.fixture(scope="module")
def rows():
    return made_up_rows()


@pytest.fixture(scope="module")
def manifests(rows, tmp_path_factory):
    return prepare_formats(tmp_path_factory.mktemp("records"), rows)


@pytest.fixture(params=FORMATS)
def manifest(request, manifests):
    return manifests[request.param]


@pytest.fixture(scope="module")
def plain(manifests):
    """Of each format, the batches of the first epoch, read once for many tests."""
    return {name: batches_of(manifest) for name, manifest in manifests.items()}


@pytest.fixture
def batches(manifest, plain):
    return plain[manifest.record_format]

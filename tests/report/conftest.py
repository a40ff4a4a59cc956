"""A finished run, and the page of it."""

import pytest
from fake_run import REVIEWS, TOPICS, make_run
from report_page import read_page


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The directory of a finished run of 20 labels, its parsed page and SVGs."""
    run_dir = make_run(tmp_path_factory.mktemp("runs") / "mine", TOPICS, REVIEWS)
    _, page, svgs = read_page(run_dir)
    return run_dir, page, svgs

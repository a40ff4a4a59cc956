"""scikit-learn: TF-IDF and logistic regression, to know what BERT is worth."""

from typing import Any

from bench.baselines.tfidf import tfidf_accuracy


def open_case(given: dict[str, Any]) -> "Fitting":
    return Fitting(given)


class Fitting:
    """Words and pairs of words, from a file to the test accuracy.

    Args:
        given: `splits`; see `bench.peers.transformers_fine_tuning`.
    """

    def __init__(self, given: dict[str, Any]):
        self._splits = given["splits"]

    def check(self) -> dict[str, Any]:
        return {}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        accuracy = 0.0
        for _ in range(count):
            accuracy = tfidf_accuracy(self._splits["train"], self._splits["test"])
        return count, {"accuracy": accuracy}

"""scikit-learn: TF-IDF and logistic regression, to know what BERT is worth."""

from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bench.answering import read_jsonl


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
            train, test = (_columns(self._splits[name]) for name in ("train", "test"))
            model = make_pipeline(
                TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
                LogisticRegression(max_iter=1000),
            )
            accuracy = model.fit(*train).score(*test)
        return count, {"accuracy": accuracy}


def _columns(path):
    rows = read_jsonl(path)
    return [row["text"] for row in rows], [row["label"] for row in rows]

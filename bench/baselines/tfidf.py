"""The accuracy of TF-IDF with logistic regression, to know what BERT is worth.

    python -m bench.baselines.tfidf TRAIN.jsonl TEST.jsonl [--characters] [--c C]

Of words and pairs of words; with --characters of one to three characters, for texts
without spaces. The files have `text` and `label`, as `bench.ours.write_texts` leaves
them.
"""

import argparse

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bench.answering import read_jsonl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--characters", action="store_true")
    parser.add_argument("--c", type=float, default=1.0, help="less regularized: more")
    options = parser.parse_args()
    accuracy = tfidf_accuracy(
        options.train, options.test, options.characters, options.c
    )
    print(f"{accuracy:.4f}")


def tfidf_accuracy(
    train: str, test: str, characters: bool = False, c: float = 1.0
) -> float:
    """Learns from one file, and measures on another.

    Args:
        train, test: jsonl files with `text` and `label`.
        characters: of one to three characters, not of one or two words.
        c: float. The regression's `C`, the inverse of what it is regularized by.

    Returns:
        The share of test texts with the right label.
    """
    analyzer, longest = ("char", 3) if characters else ("word", 2)
    model = make_pipeline(
        TfidfVectorizer(analyzer=analyzer, ngram_range=(1, longest), sublinear_tf=True),
        LogisticRegression(C=c, max_iter=1000),
    )
    return float(model.fit(*_columns(train)).score(*_columns(test)))


def _columns(path):
    rows = read_jsonl(path)
    return [row["text"] for row in rows], [row["label"] for row in rows]


if __name__ == "__main__":
    main()

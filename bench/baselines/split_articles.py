"""Splits a file in the form of SQuAD by article: the last of each five is for the test.

    python -m bench.baselines.split_articles xquad.en.json DIRECTORY

writes DIRECTORY/train.json and DIRECTORY/test.json. By question, as files without
splits are carved else, a context would be in both.
"""

import json
import pathlib
import sys
from typing import Any

from bert_cpu.storage import write_json


def main() -> None:
    source, directory = map(pathlib.Path, sys.argv[1:])
    content = json.loads(source.read_text(encoding="utf-8"))
    directory.mkdir(parents=True, exist_ok=True)
    for split, articles in split_articles(content["data"]).items():
        write_json(directory / f"{split}.json", content | {"data": articles})
        questions = sum(
            len(paragraph["qas"])
            for article in articles
            for paragraph in article["paragraphs"]
        )
        print(f"{split}: {len(articles)} articles, {questions} questions")


def split_articles(articles: list[Any]) -> dict[str, list[Any]]:
    """Puts each fifth article into the test split, and the others into train."""
    return {
        "train": [each for number, each in enumerate(articles, 1) if number % 5],
        "test": articles[4::5],
    }


if __name__ == "__main__":
    main()

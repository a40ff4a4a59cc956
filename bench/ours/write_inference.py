"""Writes questions in the form of SQuAD as pairs of inference, as QNLI makes them.

    python -m bench.ours.write_inference xquad/train.json train.csv

A sentence that holds the answer entails what is asked for, and is 1 in the column
`answers`. Beside it stands one of the same text that does not, and is 0: of these, the
one with the most words of the question, so that words alone don't tell.

Reference: Wang et al. 2018, https://arxiv.org/abs/1804.07461, section 3.2 (QNLI).
"""

import csv
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

from bert_cpu.data.pretraining.sentences import split_sentences
from bert_cpu.text.squad import read_squad

COLUMNS = ("question", "sentence", "label", "answers")


def main() -> None:
    source, target = map(pathlib.Path, sys.argv[1:])
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for _, row in read_squad(source):
            writer.writerows(inference_pairs(row))


def inference_pairs(row: dict[str, Any]) -> Iterator[tuple[str, str, str, int]]:
    """Yields two pairs of a question, or none where its text has not both kinds.

    Args:
        row: as `read_squad` gives it, with one answer or more.
    """
    question, context = row["question"], row["context"]
    asked = _words(question)
    holding, others = [], []
    end = 0
    for sentence in split_sentences(context):
        start = context.index(sentence, end)
        end = start + len(sentence)
        places = [
            (answer["start"], answer["start"] + len(answer["text"]))
            for answer in row["answers"]
        ]
        if any(start <= first and last <= end for first, last in places):
            holding.append(sentence)
        elif not any(answer["text"] in sentence for answer in row["answers"]):
            others.append(sentence)
    if holding and others:
        yield question, holding[0], "entailment", 1
        nearest = max(others, key=lambda sentence: len(asked & _words(sentence)))
        yield question, nearest, "not_entailment", 0


def _words(text):
    return set(re.findall(r"\w+", text.lower()))


if __name__ == "__main__":
    main()

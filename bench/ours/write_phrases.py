"""Writes the Financial PhraseBank as a csv: text, label, and the label as a score.

    python -m bench.ours.write_phrases Sentences_75Agree.txt phrases.csv

The file is as its authors publish it: Latin-1, a line a sentence, `sentence@label`.
Malo et al. 2014, https://arxiv.org/abs/1307.5336; CC BY-NC-SA 3.0.
"""

import csv
import pathlib
import sys
from collections.abc import Iterable, Iterator

SCORES = {"negative": -1, "neutral": 0, "positive": 1}


def main() -> None:
    source, target = map(pathlib.Path, sys.argv[1:])
    lines = source.read_text(encoding="latin-1").splitlines()
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label", "score"))
        writer.writerows(read_phrases(lines))


def read_phrases(lines: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    """Yields sentence, label and score of each line.

    Raises:
        SystemExit: if a line ends in no label.
    """
    for number, line in enumerate(lines, 1):
        text, _, label = line.rpartition("@")
        if label not in SCORES:
            raise SystemExit(
                f"Line {number} ends in '{label[-20:]}', but one of @negative, "
                "@neutral and @positive was expected. Give the file as it is published."
            )
        yield text.strip(), label, SCORES[label]


if __name__ == "__main__":
    main()

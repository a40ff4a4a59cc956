"""Writes the splits of one of the project's data sets as jsonl files.

python -m bench.ours.write_texts movie_reviews DIRECTORY
"""

import json
import pathlib
import sys

from bert_cpu.commands.start_tensorflow import start_tensorflow
from bert_cpu.storage import new_directory


def main() -> None:
    source, directory = sys.argv[1:]
    start_tensorflow()
    from bert_cpu.data.sources.open_source import open_source
    from bert_cpu.settings import PrepareSettings
    from bert_cpu.tasks.catalog import make_task

    settings = PrepareSettings(data=f"tfds:{source}")
    opened = open_source(settings, make_task(settings))
    with new_directory(pathlib.Path(directory)) as aside:
        for split, read in opened.splits.items():
            with (aside / f"{split}.jsonl").open("w", encoding="utf-8") as file:
                for example in read():
                    row = {"text": example.text, "label": example.label}
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

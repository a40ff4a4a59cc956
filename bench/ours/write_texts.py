"""Writes the splits of one of the project's data sets as jsonl files.

python -m bench.ours.write_texts movie_reviews DIRECTORY
python -m bench.ours.write_texts people_daily DIRECTORY tag
"""

import json
import pathlib
import sys

from bert_cpu.commands.start_tensorflow import start_tensorflow
from bert_cpu.storage import new_directory
from bert_cpu.text.bio import spans_to_tags


def main() -> None:
    source, directory, *task = sys.argv[1:]
    start_tensorflow()
    from bert_cpu.data.sources.open_source import open_source
    from bert_cpu.settings import PrepareSettings
    from bert_cpu.tasks.catalog import make_task

    settings = PrepareSettings(data=f"tfds:{source}", task=(*task, "classify")[0])
    opened = open_source(settings, make_task(settings))
    with new_directory(pathlib.Path(directory)) as aside:
        for split, read in opened.splits.items():
            with (aside / f"{split}.jsonl").open("w", encoding="utf-8") as file:
                for example in read():
                    row = _row(example)
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _row(example):
    if not isinstance(example.label, list):
        return {"text": example.text, "label": example.label}
    # Entities, as a tag a character: what the baseline reads as well.
    spans = [tuple(span) for span in example.label]
    tags = spans_to_tags(spans, len(example.text))
    return {"tokens": list(example.text), "tags": tags}


if __name__ == "__main__":
    main()

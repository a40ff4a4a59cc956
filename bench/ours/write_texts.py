"""Writes the splits of one of the project's data sets as jsonl files.

python -m bench.ours.write_texts movie_reviews DIRECTORY
python -m bench.ours.write_texts people_daily DIRECTORY tag
python -m bench.ours.write_texts people_daily DIRECTORY multilabel

For `multilabel`, a text's labels are the kinds of entities in it.
"""

import json
import pathlib
import sys
from typing import Any

from bert_cpu.commands.start_tensorflow import start_tensorflow
from bert_cpu.example import Example
from bert_cpu.storage import new_directory
from bert_cpu.text.bio import spans_to_tags


def main() -> None:
    source, directory, *given = sys.argv[1:]
    task = (*given, "classify")[0]
    start_tensorflow()
    from bert_cpu.data.sources.open_source import open_source
    from bert_cpu.settings import PrepareSettings
    from bert_cpu.task_catalog import make_task

    # Kinds are read off entities.
    reads = "tag" if task == "multilabel" else task
    settings = PrepareSettings(data=f"tfds:{source}", task=reads)
    opened = open_source(settings, make_task(settings))
    with new_directory(pathlib.Path(directory)) as aside:
        for split, read in opened.splits.items():
            with (aside / f"{split}.jsonl").open("w", encoding="utf-8") as file:
                for example in read():
                    row = row_of(example, task)
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def row_of(example: Example, task: str) -> dict[str, Any]:
    """What is written of an example of a task."""
    if task == "multilabel":
        kinds = {kind for _, _, kind in example.label}
        return {"text": example.text, "label": sorted(kinds)}
    if task == "tag":
        # Entities, as a tag a character: what the baseline reads as well.
        spans = [tuple(span) for span in example.label]
        tags = spans_to_tags(spans, len(example.text))
        return {"tokens": list(example.text), "tags": tags}
    return {"text": example.text, "label": example.label}


if __name__ == "__main__":
    main()

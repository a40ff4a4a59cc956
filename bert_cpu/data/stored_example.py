"""An example as records keep it, so that answers can be shown beside the truth."""

import json

from bert_cpu.example import Example


def to_json(example: Example) -> str:
    """The example without its position, on one line."""
    fields = {
        "text": example.text,
        "text_pair": example.text_pair,
        "label": example.label,
    }
    return json.dumps(fields, ensure_ascii=False)


def from_json(line: str) -> Example:
    """What `to_json` was given."""
    return Example(**json.loads(line), position="")

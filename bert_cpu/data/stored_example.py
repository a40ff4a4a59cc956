"""An example as records keep it, so that answers can be shown beside the truth."""

import json
from json.encoder import encode_basestring

from bert_cpu.example import Example


def to_json(example: Example) -> str:
    """The example without its position, on one line."""
    text, text_pair, label = example.text, example.text_pair, example.label
    if text_pair is None and type(label) is str:
        # What `json.dumps` writes, in a fifth of the time.
        return (
            f'{{"text": {encode_basestring(text)}, "text_pair": null, '
            f'"label": {encode_basestring(label)}}}'
        )
    fields = {"text": text, "text_pair": text_pair, "label": label}
    return json.dumps(fields, ensure_ascii=False)


def from_json(line: str) -> Example:
    """What `to_json` was given."""
    return Example(**json.loads(line), position="")

"""What records keep of an example is the JSON that Python's own module writes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from bert_cpu.data.stored_example import from_json, to_json
from bert_cpu.example import Example

TEXTS = st.text() | st.text('"\\\n\x00\x1f\u2028é\U0001f600\ud83d/')
LABELS = st.none() | st.booleans() | st.integers() | TEXTS | st.lists(TEXTS)


@given(TEXTS, st.none() | TEXTS, LABELS)
def test_an_example_is_kept_as_json(text, text_pair, label):
    example = Example(text, text_pair, label, "here")
    kept = to_json(example)
    fields = {"text": text, "text_pair": text_pair, "label": label}
    assert kept == json.dumps(fields, ensure_ascii=False)
    assert from_json(kept) == Example(text, text_pair, label, "")

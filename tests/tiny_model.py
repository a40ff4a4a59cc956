"""A random BERT classifier, converted, in a directory that `runtime` opens."""

import json
import shutil

import tiny_bundle

from bert_cpu.example import Example
from bert_cpu.tasks.classify import Classify


def write_model(directory, weights):
    """Converts weights to a model that reads one text of up to 20 tokens."""
    # TensorFlow makes the files here; not every test may need it.
    from bert_cpu import storage
    from bert_cpu.export.tflite import convert

    bundle = tiny_bundle.write_bundle(directory.parent / "bundle", weights)
    directory.mkdir()
    convert(bundle, directory, [16, 20], Classify())
    shutil.copy(bundle / "tokenizer.json", directory)
    (directory / "labels.txt").write_text("neg\nneutral\npos\n")
    names = [path.name for path in directory.iterdir()]
    model = {
        "format": "bert_cpu.tflite",
        "version": 1,
        "task": "classify",
        "options": {},
        "labels": tiny_bundle.LABELS,
        "max_length": 20,
        "stride": 0,
        "buckets": [16, 20],
        "text_pair": False,
        "preprocess": {"normalize": False, "stop_words": "none", "stem": "none"},
        "chosen": "float32",
        "files": storage.describe_files(directory, names),
    }
    (directory / "model.json").write_text(json.dumps(model))


def edit_model(directory, **changes):
    """Changes fields of model.json; None takes a field out."""
    path = directory / "model.json"
    model = json.loads(path.read_text()) | changes
    model = {key: value for key, value in model.items() if value is not None}
    path.write_text(json.dumps(model))


def logits_of(model, text, text_pair=None):
    """The outputs that an answer of one window comes from."""
    (outputs,) = model.answer_example(Example(text, text_pair, None, "")).outputs
    return outputs["logits"]

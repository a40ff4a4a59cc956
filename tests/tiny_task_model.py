"""A random model of any task, converted, that reads texts letter by letter."""

import json

import numpy as np
import tiny_bundle
from tiny_letters import tiny_letters

from bert_cpu.task_catalog import task_class

LENGTH = 40
_CONFIG = tiny_bundle.CONFIG | {"num_hidden_layers": 1}
_HIDDEN = _CONFIG["hidden_size"]
_WORDS = "cls.predictions"
# Of the heads: the shape of each tensor that `tiny_bundle` has none of.
_HEADS = {
    "answer": {"qa_outputs.weight": (2, _HIDDEN), "qa_outputs.bias": (2,)},
    "fill": {
        f"{_WORDS}.transform.dense.weight": (_HIDDEN, _HIDDEN),
        f"{_WORDS}.transform.dense.bias": (_HIDDEN,),
        f"{_WORDS}.transform.LayerNorm.weight": (_HIDDEN,),
        f"{_WORDS}.transform.LayerNorm.bias": (_HIDDEN,),
        f"{_WORDS}.bias": (_CONFIG["vocab_size"],),
    },
}
# Three of each, as the classifier of `tiny_bundle` tells apart.
LABELS = {
    "classify": ["neg", "neutral", "pos"],
    "relate": ["Lives-In(e1,e2)", "Lives-In(e2,e1)", "Other"],
    "tag": ["O", "B-PER", "I-PER"],
    "answer": ["answer"],
}


def write_task_model(directory, name, text_pair=False, **description):
    """Writes a float32 model with one length, `LENGTH`, to `directory`."""
    # TensorFlow makes the file here; not every test may need it.
    from bert_cpu import storage
    from bert_cpu.export.convert_graph import convert_graph
    from bert_cpu.export.lean_graph import LeanGraph

    random = np.random.default_rng(7)
    weights = tiny_bundle.random_weights(_CONFIG, seed=7) | {
        tensor: random.normal(0, 0.3, shape).astype(np.float32)
        for tensor, shape in _HEADS.get(name, {}).items()
    }
    tokenizer = tiny_letters()
    tokenizer.add_special_tokens(["[MASK]"])
    ids = {"[MASK]": tokenizer.token_to_id("[MASK]")}
    task = task_class(name)()
    directory.mkdir(parents=True)
    graph = LeanGraph(weights, _CONFIG, task, ids)
    content = convert_graph(graph, "float32", directory, [LENGTH])
    (directory / "float32.tflite").write_bytes(content)
    tokenizer.save(str(directory / "tokenizer.json"))
    model = {
        "format": "bert_cpu.tflite",
        "version": 1,
        "task": name,
        "options": {each: getattr(task, each) for each in task.options},
        "labels": LABELS.get(name, []),
        "max_length": LENGTH,
        "stride": 4,
        "buckets": [LENGTH],
        "text_pair": text_pair,
        "preprocess": {"normalize": False, "stop_words": "none", "stem": "none"},
        "chosen": "float32",
        "files": storage.describe_files(
            directory, ["float32.tflite", "tokenizer.json"]
        ),
    } | description
    (directory / "model.json").write_text(json.dumps(model))
    return directory

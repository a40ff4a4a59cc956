"""Makes the values that every task's head, and its bundle, are compared with.

Each class of transformers gets the random encoder that the tests draw, and a random
head, which the file holds beside what the class answers (in float64) and the names of
the tensors that it saves. Made as `make_reference.py` says:

    PYTHONPATH=.:tests python tests/reference/make_heads.py
"""

import json
import pathlib
import tempfile

import numpy as np
import safetensors
import tiny_bundle
import torch
import transformers
from reference.make_reference import random_inputs
from safetensors.numpy import save_file
from transformers import BertConfig

SEED = 7
# A name of ours -> the class, and how many labels it has.
CLASSES = {
    "multilabel": ("BertForSequenceClassification", 4),
    "score": ("BertForSequenceClassification", 1),
    "tag": ("BertForTokenClassification", 5),
    "answer": ("BertForQuestionAnswering", 2),
    "fill": ("BertForMaskedLM", 2),
    "pretrain": ("BertForPreTraining", 2),
}
# Of each sequence of `random_inputs`.
MASKED_POSITIONS = np.int32([[1, 11], [2, 8], [3, 1], [0, 0]])


def main():
    config = tiny_bundle.CONFIG
    inputs = random_inputs(config, SEED)
    values, names = {}, {}
    for number, (name, (class_name, num_labels)) in enumerate(CLASSES.items()):
        kind = getattr(transformers, class_name)
        model = kind(BertConfig(**config, num_labels=num_labels))
        head = _set_weights(model, SEED + number)
        for key, value in (head | _answers(model, inputs)).items():
            values[f"{name}/{key}"] = np.ascontiguousarray(value)
        names[name] = [class_name, _saved_names(model)]
    made_by = f"transformers {transformers.__version__}, torch {torch.__version__}"
    metadata = {"made_by": made_by, "names": json.dumps(names)}
    save_file(values, pathlib.Path(__file__).with_name("heads.safetensors"), metadata)


def _set_weights(model, seed):
    """The encoder that tests draw, and a head, which is given back: `head/NAME`."""
    random = np.random.default_rng(seed)
    encoder = tiny_bundle.random_weights(seed=SEED)
    head = {}
    for name, parameter in model.named_parameters():
        if name.startswith("bert."):
            value = encoder[name]
        else:
            mean = float(name.endswith("LayerNorm.weight"))
            value = random.normal(mean, 0.2, parameter.shape).astype(np.float32)
            head[f"head/{name}"] = value
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(value))
    return head


def _answers(model, inputs):
    tensors = {name: torch.from_numpy(value).long() for name, value in inputs.items()}
    with torch.inference_mode():
        said = model.to(torch.float64).eval()(**tensors)
    if "start_logits" in said:
        return {"logits": _numpy(torch.stack([said.start_logits, said.end_logits], -1))}
    if "prediction_logits" in said:
        return {
            "masked_logits": _at_positions(said.prediction_logits),
            "next_sentence_logits": _numpy(said.seq_relationship_logits),
        }
    if type(model).__name__ == "BertForMaskedLM":
        return {"logits": _at_positions(said.logits)}
    return {"logits": _numpy(said.logits)}


def _at_positions(logits):
    places = torch.from_numpy(MASKED_POSITIONS).long()[..., None]
    return _numpy(logits.take_along_dim(places, dim=1))


def _numpy(values):
    return values.float().numpy()


def _saved_names(model):
    with tempfile.TemporaryDirectory() as directory:
        model.float().save_pretrained(directory)
        path = pathlib.Path(directory) / "model.safetensors"
        with safetensors.safe_open(path, framework="numpy") as file:
            return sorted(file.keys())


if __name__ == "__main__":
    main()

"""Reads BERT as Google published it in 2018: a TensorFlow 1 checkpoint.

Such a directory holds `bert_config.json`, `vocab.txt`, and the weights in
`bert_model.ckpt.index` and `bert_model.ckpt.data-00000-of-00001`. They are numbers
under names: no graph is loaded and no code is run.

Reference: https://github.com/google-research/bert
"""

import pathlib
import re

import numpy as np
import tensorflow as tf

from bert_cpu.errors import UserError

# What BERT consists of there. All else (Adam's averages, the step, the head of
# another task) is left where it is.
_KNOWN = re.compile(
    r"(bert/(embeddings|encoder|pooler)|cls/(predictions|seq_relationship))/(.+/)?"
    r"(\w+_embeddings|kernel|bias|gamma|beta|output_weights|output_bias)"
)
# The ends of names, there and in Hugging Face's.
_ENDS = {
    "kernel": "weight",
    "output_weights": "weight",
    "output_bias": "bias",
    "gamma": "weight",
    "beta": "bias",
}


def read_tf1_tensors(prefix: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads encoder and pre-training heads, under Hugging Face's plain names.

    Args:
        prefix: the checkpoint's files without `.index` and `.data-…`.

    Returns:
        name -> array, without `bert.` in front, matrices as `(out, in)`.

    Raises:
        UserError: if the files are damaged, or hold something else.
    """
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        names = sorted(filter(_KNOWN.fullmatch, reader.get_variable_to_shape_map()))
        tensors = {_plain_name(name): _as_stored(name, reader) for name in names}
    except (tf.errors.OpError, LookupError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"'{prefix}' is not whole ({reason}). Fetch the checkpoint again."
        ) from error
    if "embeddings.word_embeddings.weight" not in tensors:
        raise UserError(
            f"'{prefix}' has no variable 'bert/embeddings/word_embeddings', so it is "
            "not one of the original BERT checkpoints. Save it in the Hugging Face "
            "layout."
        )
    return tensors


def _plain_name(name: str) -> str:
    """`bert/encoder/layer_0/output/dense/kernel` -> `encoder.layer.0.output…`."""
    *parts, end = re.sub("^bert/", "", name).split("/")
    end = f"{end}.weight" if end.endswith("_embeddings") else _ENDS.get(end, end)
    return ".".join([*parts, end]).replace("layer_", "layer.")


def _as_stored(name: str, reader) -> np.ndarray:
    tensor = reader.get_tensor(name).astype(np.float32)
    # A dense layer's kernel is (in, out); `output_weights` are as they should be.
    return tensor.T if name.endswith("/kernel") else tensor

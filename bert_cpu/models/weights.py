"""Which tensor of a Hugging Face checkpoint is which weight of the Keras model."""

from collections.abc import Mapping

import keras
import numpy as np

from bert_cpu.errors import UserError

# Within `encoder.layer.N.` there, and within `block_N/` here.
_BLOCK = {
    "attention.self.query": "attention/query",
    "attention.self.key": "attention/key",
    "attention.self.value": "attention/value",
    "attention.output.dense": "attention/attention_output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "feed_forward/widen",
    "output.dense": "feed_forward/narrow",
    "output.LayerNorm": "output_norm",
}
_EMBEDDINGS = {
    "embeddings/token/embeddings": "embeddings.word_embeddings.weight",
    "embeddings/position/embeddings": "embeddings.position_embeddings.weight",
    "embeddings/segment/embeddings": "embeddings.token_type_embeddings.weight",
    "embeddings/norm/gamma": "embeddings.LayerNorm.weight",
    "embeddings/norm/beta": "embeddings.LayerNorm.bias",
}


def encoder_names(num_layers: int) -> dict[str, str]:
    """Keras variable path -> Hugging Face tensor name, without `bert.` in front."""
    names = dict(_EMBEDDINGS)
    for index in range(num_layers):
        for theirs, ours in _BLOCK.items():
            norm = theirs.endswith("LayerNorm")
            pairs = (
                {"gamma": "weight", "beta": "bias"}
                if norm
                else {"kernel": "weight", "bias": "bias"}
            )
            for our_end, their_end in pairs.items():
                path = f"block_{index}/{ours}/{our_end}"
                names[path] = f"encoder.layer.{index}.{theirs}.{their_end}"
    names["pooler/kernel"] = "pooler.dense.weight"
    names["pooler/bias"] = "pooler.dense.bias"
    return names


def model_names(model: keras.Model, names: Mapping[str, str]) -> dict[str, str]:
    """Those of `names` that a model has a variable for.

    A head that reads every token leaves the pooler out.
    """
    paths = {variable.path for variable in model.variables}
    return {path: name for path, name in names.items() if path in paths}


def assign_weights(
    model: keras.Model,
    names: Mapping[str, str],
    tensors: Mapping[str, np.ndarray],
    source: str,
) -> None:
    """Copies a checkpoint's tensors into a model's variables.

    Args:
        model: keras.Model with a variable for each path in `names`.
        names: Keras variable path -> tensor name.
        tensors: tensor name -> array, matrices as `(out, in)`.
        source: str. The checkpoint's path, for messages.

    Raises:
        UserError: naming a tensor that is missing, or whose shape doesn't fit,
            with both shapes. Nothing is assigned then.
    """
    variables = {variable.path: variable for variable in model.variables}
    values = {}
    for path, name in names.items():
        if name not in tensors:
            raise UserError(
                f"'{source}' has no tensor '{name}', so it is not a whole BERT "
                "checkpoint. Choose one in the Hugging Face layout."
            )
        expected = hf_shape(path, variables[path].shape)
        if tensors[name].shape != expected:
            raise UserError(
                f"'{source}' has tensor '{name}' of shape {tensors[name].shape}, but "
                f"its config.json means {expected}. Use the config.json that belongs "
                "to the weights."
            )
        values[path] = _from_hf(path, tensors[name]).reshape(variables[path].shape)
    for path, value in values.items():
        variables[path].assign(value)


def collect_weights(
    model: keras.Model, names: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """The reverse of `assign_weights`: tensor name -> float32 array."""
    variables = {variable.path: variable for variable in model.variables}
    return {name: _to_hf(path, variables[path]) for path, name in names.items()}


def hf_shape(path: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape there of a variable that has `shape` here."""
    if not path.endswith("/kernel"):
        return shape if path.endswith("/embeddings") else (int(np.prod(shape)),)
    # Heads are an axis of their own here: behind the input for query, key and
    # value, before the output for the merge.
    num_inputs = 2 if path.endswith("attention_output/kernel") else 1
    inputs, outputs = shape[:num_inputs], shape[num_inputs:]
    return int(np.prod(outputs)), int(np.prod(inputs))


def _from_hf(path, tensor):
    tensor = np.asarray(tensor, "float32")
    return tensor.T if path.endswith("/kernel") else tensor


def _to_hf(path, variable):
    value = variable.numpy().astype("float32")
    shape = hf_shape(path, value.shape)
    if path.endswith("/kernel"):
        return np.ascontiguousarray(value.reshape(shape[::-1]).T)
    return value.reshape(shape)

"""BERT's encoder as a Keras functional model."""

import keras
from transformers import BertConfig

from bert_cpu.errors import UserError
from bert_cpu.layers.embeddings import Embeddings
from bert_cpu.layers.encoder_block import EncoderBlock
from bert_cpu.layers.exact_dtype import exact_dtype
from bert_cpu.layers.gelu import gelu, gelu_tanh

# Hugging Face's names for activations.
_ACTIVATIONS = {
    "gelu": gelu,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}


def build_encoder(
    config: BertConfig,
    dropout=None,
    dtype="float32",
    reads_first_token=False,
    word_dropout=None,
) -> keras.Model:
    """Turns a BERT config into an encoder with random weights.

    They are drawn as in the original: kernels and tables from a truncated normal
    with the config's `initializer_range` for a deviation, biases 0.

    Args:
        config: transformers' BertConfig.
        dropout: float in `[0, 1)`, in place of both of the config's; or None.
        dtype: "float32"; "bfloat16" for matrix products in bfloat16 with float32
            weights, norms and softmax; or "float64", slow, to judge these by.
        reads_first_token: bool. The head reads the first token only: the last
            block works for it alone, and the last hidden states are its own,
            `(batch, 1, hidden_size)`. `pooled` is the same.
        word_dropout: WordDropout, or None for no such layer.

    Returns:
        keras.Model. Inputs: a dict of int32 `(batch, length)` tensors
        `input_ids`, `token_type_ids` and `attention_mask`. Outputs: a dict of
        `hidden_states`, a list with the embeddings' and each block's float
        `(batch, length, hidden_size)`; `sequence`, the last of them; and
        `pooled`, float `(batch, hidden_size)`, never bfloat16.

    Raises:
        UserError: if the config asks for what this encoder does not compute.
    """
    _check_is_supported(config)
    policy = "mixed_bfloat16" if dtype == "bfloat16" else dtype
    hidden_dropout = config.hidden_dropout_prob if dropout is None else dropout
    attention_dropout = (
        config.attention_probs_dropout_prob if dropout is None else dropout
    )
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("input_ids", "token_type_ids", "attention_mask")
    }
    token_ids = inputs["input_ids"]
    if word_dropout is not None:
        token_ids = word_dropout(token_ids)
    x = Embeddings(
        config.vocab_size,
        config.max_position_embeddings,
        config.hidden_size,
        config.type_vocab_size,
        hidden_dropout,
        config.layer_norm_eps,
        config.initializer_range,
        dtype=policy,
        name="embeddings",
    )(token_ids, inputs["token_type_ids"])
    hidden_states = [x]
    for index in range(config.num_hidden_layers):
        is_last = index == config.num_hidden_layers - 1
        x = EncoderBlock(
            config.num_attention_heads,
            config.intermediate_size,
            _ACTIVATIONS[config.hidden_act],
            hidden_dropout,
            attention_dropout,
            config.layer_norm_eps,
            config.initializer_range,
            dtype=policy,
            name=f"block_{index}",
        )(x, inputs["attention_mask"], first_only=reads_first_token and is_last)
        hidden_states.append(x)
    pooled = keras.layers.Dense(
        config.hidden_size,
        "tanh",
        kernel_initializer=keras.initializers.TruncatedNormal(
            stddev=config.initializer_range
        ),
        dtype=exact_dtype(dtype),
        name="pooler",
    )(x[:, 0])
    outputs = {"hidden_states": hidden_states, "sequence": x, "pooled": pooled}
    return keras.Model(inputs, outputs, name="encoder")


def _check_is_supported(config):
    if config.hidden_act not in _ACTIVATIONS:
        raise UserError(
            f"config.json has hidden_act '{config.hidden_act}', but only "
            f"{', '.join(_ACTIVATIONS)} are known. Choose another checkpoint."
        )
    kind = getattr(config, "position_embedding_type", "absolute")
    if kind != "absolute":
        raise UserError(
            f"config.json has position_embedding_type '{kind}', but only absolute "
            "positions are computed. Choose another checkpoint."
        )
    if config.hidden_size % config.num_attention_heads:
        raise UserError(
            f"config.json has hidden_size {config.hidden_size}, which its "
            f"{config.num_attention_heads} attention heads do not divide."
        )
    if getattr(config, "is_decoder", False):
        raise UserError("config.json says is_decoder, but this is an encoder.")

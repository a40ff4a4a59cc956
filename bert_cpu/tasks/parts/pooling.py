"""How the vectors of a text's tokens become one."""

from typing import Literal, get_args

Pooling = Literal["pooled", "cls", "mean"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)


def pool_tokens(encoder, pooling: Pooling):
    """Makes one vector a text, in a Keras model.

    Args:
        encoder: keras.Model as `build_encoder` returns it.
        pooling: "pooled": the first token's, through BERT's pooler. "cls": the
            first token's, as it is. "mean": of all tokens, the special ones
            included, padding left out.

    Returns:
        float keras tensor `(batch, hidden_size)`, never bfloat16.
    """
    from keras import ops

    if pooling == "pooled":
        return encoder.output["pooled"]
    tokens = ops.cast(encoder.output["sequence"], "float32")
    if pooling == "cls":
        return tokens[:, 0]
    mask = ops.cast(encoder.input["attention_mask"], "float32")
    # Rows that fill up a batch have no tokens.
    counts = ops.maximum(ops.sum(mask, axis=1, keepdims=True), 1.0)
    return ops.sum(tokens * mask[:, :, None], axis=1) / counts


def pool_rows(graph, hidden, inputs, pooling: Pooling):
    """The same in a lean graph.

    Args:
        graph: the `LeanGraph`.
        hidden: float32 `(length, hidden_size)`, or the first row alone.
        inputs: a dict with int32 `(length,)` `attention_mask`.
        pooling: as for `pool_tokens`.

    Returns:
        float32 tensor `(1, hidden_size)`.
    """
    import tensorflow as tf

    if pooling == "pooled":
        return graph.pooled(hidden[:1])
    if pooling == "cls":
        return hidden[:1]
    mask = tf.cast(inputs["attention_mask"], tf.float32)[tf.newaxis]
    return tf.matmul(mask, hidden) / tf.reduce_sum(mask)

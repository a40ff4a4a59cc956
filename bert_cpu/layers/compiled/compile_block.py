"""What XLA makes of an encoder block, made before a step asks for it."""

from collections.abc import Callable

import tensorflow as tf

from bert_cpu.layers.compiled.add_and_norm import add_and_norm
from bert_cpu.layers.compiled.attention_weights import attention_weights
from bert_cpu.layers.compiled.switch import compiled_kernels
from bert_cpu.layers.exact_dtype import exact_dtype

_INT = tf.TensorSpec([], tf.int32)


def make_compile_block(block) -> tuple[Callable[[int], None], Callable]:
    """Makes what compiles the programs of a block for shapes that are to come.

    Which programs XLA has is looked up by a function's name and its shapes. So the
    functions that steps call are called here on zeros, forwards and backwards. They
    read no weight and draw no seed. It happens within a graph, because TensorFlow
    takes a function that is called outside of one for another; and one at a time, so
    that no more than one of TensorFlow's threads is kept from steps.

    Args:
        block: EncoderBlock, built.

    Returns:
        `(compile_rows, compile_attention)`: `compile_rows(tokens)` compiles what
        takes tokens one by one, `compile_attention(examples, length)` what doesn't.
    """
    hidden_size = block.attention_norm.gamma.shape[0]
    attention, dtype = block.attention, block.compute_dtype
    seed = tf.zeros([2], tf.int32)
    rates = {block._attention_dropout.rate, block._output_dropout.rate}

    def norm_with(rate):
        def norm(x, change, gamma, beta):
            return add_and_norm(x, change, gamma, beta, block.epsilon, rate, seed)

        return norm

    @tf.function(input_signature=[_INT], autograph=False)
    def compile_rows(tokens):
        wide = tf.zeros([tokens, block.intermediate_size], dtype)
        x = tf.zeros([tokens, hidden_size], dtype)
        scale = tf.zeros([hidden_size])
        done = [_both_ways(block.activation, wide)]
        for rate in rates:
            with tf.control_dependencies(done):
                given = [tf.identity(each) for each in (x, x, scale, scale)]
            done.append(_both_ways(norm_with(rate), *given))
        return done  # All: what nobody asks for, TensorFlow leaves out.

    @tf.function(input_signature=[_INT, _INT], autograph=False)
    def compile_attention(examples, length):
        scores = tf.zeros([examples, attention.num_heads, length, length], dtype)
        added = tf.zeros([examples, 1, length], exact_dtype(dtype))
        return _both_ways(
            lambda scores: attention_weights(
                scores,
                added,
                attention._inverse_sqrt_key_dim,
                attention.dropout,
                seed,
            ),
            scores,
        )

    return compile_rows, compile_attention


def _both_ways(function, *inputs):
    """Calls a function and its gradient, one after the other: a number of both."""
    with compiled_kernels(), tf.GradientTape() as tape:
        tape.watch(inputs)
        output = function(*inputs)
    gradients = tape.gradient(output, inputs, tf.identity(output))
    return tf.add_n([tf.cast(tf.reduce_sum(each), tf.float32) for each in gradients])

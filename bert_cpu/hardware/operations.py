"""What BERT's forward pass is made of: each operation's arithmetic and traffic."""

import dataclasses

from bert_cpu.hardware.encoder_shape import EncoderShape

# Operations a value of what is no matrix product, counted as a textbook does: a
# constant that only says that they are few beside the bytes that they move.
_SOFTMAX, _NORM, _GELU = 5, 8, 10


@dataclasses.dataclass(frozen=True)
class Operation:
    """One kind of work of a forward pass, over all layers."""

    name: str
    flops: float  # Multiplications and additions, one each.
    num_bytes: float  # Read and written, if nothing stays in a cache between.
    is_product: bool  # Of matrices.

    @property
    def intensity(self) -> float:
        """Operations for each byte: few, and memory is what it waits for."""
        return self.flops / self.num_bytes


def encoder_operations(
    shape: EncoderShape, batch_size: int, length: int, bytes_a_value: int = 4
) -> list[Operation]:
    """The operations of a forward pass, in the order in which a block has them.

    Each reads its inputs once and writes its output once. A kernel that joins two of
    them moves less, and one that has to read its inputs again moves more.

    Args:
        shape: of the encoder.
        batch_size: sequences.
        length: tokens in each of them.
        bytes_a_value: 4 for float32, 2 for bfloat16.

    Returns:
        list of Operation: of all blocks, and the embeddings before them.

    Reference: Williams et al. 2009, "Roofline",
        https://doi.org/10.1145/1498765.1498785.
    """
    tokens = batch_size * length
    hidden, intermediate = shape.hidden_size, shape.intermediate_size
    layers = shape.num_hidden_layers
    # Scores of each token with each, for each head.
    scores = batch_size * shape.num_attention_heads * length * length

    def product(name, rows, inner, columns, count=1):
        flops = 2.0 * rows * inner * columns
        values = rows * inner + inner * columns + rows * columns
        return Operation(
            name, layers * count * flops, layers * count * values * bytes_a_value, True
        )

    def pass_over(name, values, flops_a_value, num_inputs=1, count=layers):
        moved = values * (num_inputs + 1) * bytes_a_value
        return Operation(
            name, float(count * values * flops_a_value), float(count * moved), False
        )

    width = hidden // shape.num_attention_heads
    heads = batch_size * shape.num_attention_heads
    return [
        # Three tables are read, and the sum is normed.
        pass_over("embeddings", tokens * hidden, _NORM + 2, 3, 1),
        product("query, key, value", tokens, hidden, 3 * hidden),
        product("scores", length, width, length, heads),
        pass_over("softmax", scores, _SOFTMAX),
        product("weighted sum", length, length, width, heads),
        product("attention output", tokens, hidden, hidden),
        pass_over("add and norm", tokens * hidden, _NORM + 1, 2, 2 * layers),
        product("widen", tokens, hidden, intermediate),
        pass_over("GELU", tokens * intermediate, _GELU),
        product("narrow", tokens, intermediate, hidden),
    ]

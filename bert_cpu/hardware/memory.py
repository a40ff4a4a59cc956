"""How much memory training or answering will need, before it starts."""

import dataclasses

from bert_cpu.errors import UserError
from bert_cpu.hardware.cpu import Hardware
from bert_cpu.hardware.encoder_shape import EncoderShape

# Resident bytes of a process that has imported TensorFlow 2.21 and Keras: 613 MB
# measured, and a little for the traced graphs.
_TENSORFLOW = 640_000_000
# Of one that has imported the LiteRT interpreter, the tokenizer and NumPy: 87 MB
# measured with a 23.6 MB model in it.
_LITERT = 63_000_000
# While a block is differentiated, gradients of its tensors live beside them: about
# one block more, however many there are.
_BLOCKS_OF_GRADIENTS = 1
_REPLACED = 3  # Weights and both moments.
_BFLOAT16, _FLOAT32 = 2, 4  # bytes


@dataclasses.dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that one process will hold at its peak, by what they are for."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    # Of the libraries: TensorFlow, or LiteRT for answering.
    runtime: int

    @property
    def total(self) -> int:
        return sum(dataclasses.astuple(self))

    def __str__(self) -> str:
        parts = [
            f"{name} {format_bytes(size)}"
            for name, size in dataclasses.asdict(self).items()
            if size
        ]
        return f"{format_bytes(self.total)} ({', '.join(parts)})"


def estimate_training_memory(
    shape: EncoderShape,
    batch_size: int,
    length: int,
    *,
    trainable_share: float = 1.0,
    ema: bool = False,
    accumulate: bool = False,
    dtype: str = "float32",
    num_workers: int = 1,
    is_native: bool = False,
) -> MemoryEstimate:
    """Estimates the peak of one training process, to about a fifth.

    Args:
        shape: of the encoder.
        batch_size: sequences in one batch of this process.
        length: tokens in the longest sequence.
        trainable_share: share of weights that learn, in `(0, 1]`; see
            `EncoderShape.trainable_share`.
        ema: whether a moving average of the weights is kept.
        accumulate: whether gradients of several batches are summed.
        dtype: "float32" or "bfloat16", of matrix products.
        num_workers: that share gradients in this machine's memory, and of which this
            process is one.
        is_native: whether blocks are trained in C++; see `trains_natively`.

    Returns:
        MemoryEstimate.
    """
    parameters = shape.parameters + shape.head_parameters
    trained = round(trainable_share * shape.parameters) + shape.head_parameters
    # Clipping by the global norm makes a second copy of all gradients.
    gradient_copies = 2.0 + accumulate
    if num_workers > 1:
        # What it brings to the sum, and its part of what all get.
        gradient_copies += 1 + 1 / num_workers
    adam_copies = 2 + ema  # Its two moments.
    optimizer = trained * adam_copies
    if is_native:
        # An update writes anew what it replaces, one big matrix after the other.
        learns_tables = trainable_share == 1.0
        table = shape.vocab_size * shape.hidden_size
        kernel = shape.intermediate_size * shape.hidden_size
        optimizer += _REPLACED * (table if learns_tables else kernel)
    blocks = _trained_blocks(shape, trainable_share) + _BLOCKS_OF_GRADIENTS
    if is_native:
        kept = _kept_by_native_block(shape, batch_size, length)
    else:
        kept = _kept_by_block(shape, batch_size, length, dtype)
    return MemoryEstimate(
        weights=parameters * _FLOAT32,
        gradients=round(trained * gradient_copies) * _FLOAT32,
        optimizer=optimizer * _FLOAT32,
        activations=blocks * kept,
        runtime=_TENSORFLOW,
    )


def estimate_inference_memory(
    shape: EncoderShape, batch_size: int, length: int, *, dtype: str = "float32"
) -> MemoryEstimate:
    """Estimates the peak of a process that answers from a TFLite file.

    Args:
        shape: of the encoder.
        batch_size: sequences answered at once.
        length: tokens in the longest sequence.
        dtype: "float32" or "int8", of the stored weights.

    Returns:
        MemoryEstimate, without gradients and optimizer.
    """
    parameters = shape.parameters + shape.head_parameters
    # Float matrices are copied into the order that the kernels read; the table of
    # tokens is only looked up in, and int8 kernels read the file as it is.
    copied = 0 if dtype == "int8" else parameters - shape.embedding_parameters
    tokens = batch_size * length
    # Nothing is kept for later: what counts is the widest moment of one block,
    # either attention (input, query, key, value and two sets of scores) or
    # feed-forward (input, and the intermediate twice).
    pairs = tokens * shape.num_attention_heads * length
    attention = 4 * tokens * shape.hidden_size + 2 * pairs
    feed_forward = tokens * (shape.hidden_size + 2 * shape.intermediate_size)
    return MemoryEstimate(
        weights=parameters * (1 if dtype == "int8" else _FLOAT32) + copied * _FLOAT32,
        gradients=0,
        optimizer=0,
        activations=max(attention, feed_forward) * _FLOAT32,
        runtime=_LITERT,
    )


def check_training_memory(
    estimate: MemoryEstimate, hardware: Hardware, workers: int = 1
) -> None:
    """Refuses a training that would be killed or swap.

    Args:
        estimate: of one process.
        hardware: from `read_hardware`.
        workers: processes that train at the same time on this machine.

    Raises:
        UserError: if all of them need more than is available.
    """
    needed, available = estimate.total * workers, hardware.memory_available
    if needed <= available:
        return
    each = f" in {workers} processes" if workers > 1 else ""
    # A smaller batch saves activations only.
    if needed - estimate.activations * workers > available:
        remedy = "Choose a smaller encoder, fewer --workers or more --freeze-layers"
    else:
        remedy = (
            "Lower --batch-size (with --accumulate the updates stay the same) or "
            "--max-length, or raise --freeze-layers"
        )
    raise UserError(
        f"Training needs about {format_bytes(needed)} of memory{each}, but "
        f"{format_bytes(available)} are available. {remedy}."
    )


def format_bytes(size: int) -> str:
    """Spells a size in powers of ten: "87 MB", "1.9 GB"."""
    megabytes = round(size / 1e6)
    return f"{megabytes} MB" if megabytes < 1000 else f"{size / 1e9:.1f} GB"


def _trained_blocks(shape: EncoderShape, trainable_share: float) -> int:
    """How many blocks learn; below the lowest of them, nothing is kept."""
    learning = trainable_share * shape.parameters - shape.pooler_parameters
    blocks = round(learning / shape.block_parameters)
    return min(max(blocks, 0), shape.num_hidden_layers)


def _kept_by_block(
    shape: EncoderShape, batch_size: int, length: int, dtype: str
) -> int:
    """Bytes that a block's forward pass keeps for its backward pass."""
    item = _BFLOAT16 if dtype == "bfloat16" else _FLOAT32
    tokens = batch_size * length
    # Its input; query, key, value; the context that attention gathers; the first
    # norm's output, which feed-forward reads; two dropout masks. The inputs of the
    # two norms are float32 whatever the dtype.
    hidden = tokens * shape.hidden_size * (8 * item + 2 * _FLOAT32)
    # x -> x/2 * (1 + erf(x/sqrt(2))): both factors and what erf read, and the
    # product, which the second matrix multiplies.
    intermediate = tokens * shape.intermediate_size * 4 * item
    # Softmax's output is float32. Beside it stand the dropout mask, the product of
    # the two, and (as measured peaks show) the scores that they came from.
    pairs = tokens * shape.num_attention_heads * length * (_FLOAT32 + 3 * item)
    return hidden + intermediate + pairs


def _kept_by_native_block(shape: EncoderShape, batch_size: int, length: int) -> int:
    """The same in C++, always in bfloat16, where attention makes its weights again."""
    tokens = batch_size * length
    # Query, key, value; the context that attention gathers; and of either norm its
    # sum and what is left of it before it is scaled.
    hidden = tokens * shape.hidden_size * 8 * _BFLOAT16
    # What GELU reads, and what it gives.
    intermediate = tokens * shape.intermediate_size * 2 * _BFLOAT16
    # Of each query its greatest score, and the sum of the others beside it.
    queries = tokens * shape.num_attention_heads * 2 * _FLOAT32
    return hidden + intermediate + queries

"""What BERT reads: token, position and segment vectors, summed and normed."""

import keras
from keras import ops

from bert_cpu.layers.dropout import Dropout
from bert_cpu.layers.exact_dtype import exact_dtype
from bert_cpu.layers.layer_norm import layer_norm


@keras.saving.register_keras_serializable("bert_cpu")
class Embeddings(keras.layers.Layer):
    """Turns token ids into the vectors that the first encoder block reads.

    A token's vector is the sum of three learned ones: what it is, where it
    stands, and which of two sentences it is in. The sum is layer-normed.

    Args:
        vocab_size: int. Rows of the token table.
        max_length: int. Tokens in the longest sequence that fits.
        hidden_size: int. Features per token.
        num_segments: int. Rows of the segment table; BERT has 2.
        dropout: float in `[0, 1)`. Share of features zeroed in training.
        epsilon: float. Added to the variance by the norm; the original's 1e-12.
        initializer_range: float. Deviation of the truncated normal that the tables
            start from.

    Call arguments:
        token_ids: int32 `(batch, length)`, each in `[0, vocab_size)`.
        segment_ids: int32 `(batch, length)`, each in `[0, num_segments)`.
        training: bool. With it, dropout is on.

    Output shape:
        float `(batch, length, hidden_size)`.

    Raises:
        ValueError: if `length` is known and over `max_length`.

    Example:
    >>> ids = np.zeros((2, 5), "int32")
    >>> Embeddings(vocab_size=100, max_length=8, hidden_size=4)(ids, ids).shape
    TensorShape([2, 5, 4])

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, figure 2.
    """

    def __init__(
        self,
        vocab_size,
        max_length,
        hidden_size,
        num_segments=2,
        dropout=0.0,
        epsilon=1e-12,
        initializer_range=0.02,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocab_size = vocab_size
        self.max_length = max_length
        self.hidden_size = hidden_size
        self.num_segments = num_segments
        self.dropout = dropout
        self.epsilon = epsilon
        self.initializer_range = initializer_range

        self._token = self._table(vocab_size, "token")
        self._position = self._table(max_length, "position")
        self._segment = self._table(num_segments, "segment")
        self._norm = layer_norm(epsilon, "norm", self.compute_dtype)
        self._dropout = Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, token_ids_shape, segment_ids_shape):
        for table in (self._token, self._position, self._segment):
            table.build()
        self._norm.build((None, None, self.hidden_size))
        self.built = True

    def call(self, token_ids, segment_ids, training=False):
        length = token_ids.shape[1]
        if length is not None and length > self.max_length:
            raise ValueError(
                f"`token_ids` has {length} tokens a sequence, but there are "
                f"only `max_length={self.max_length}` positions. Cut the "
                "sequences, or build the model with a larger `max_length`."
            )
        # A slice, not a look-up: its gradient is a pad rather than a scatter.
        positions = self._position.embeddings[: ops.shape(token_ids)[1]]
        x = self._token(token_ids) + self._segment(segment_ids)
        x = self._norm(x + ops.cast(positions, x.dtype))
        return self._dropout(ops.cast(x, self.compute_dtype), training=training)

    def get_config(self):
        return super().get_config() | {
            "vocab_size": self.vocab_size,
            "max_length": self.max_length,
            "hidden_size": self.hidden_size,
            "num_segments": self.num_segments,
            "dropout": self.dropout,
            "epsilon": self.epsilon,
            "initializer_range": self.initializer_range,
        }

    def _table(self, rows, name):
        start = keras.initializers.TruncatedNormal(stddev=self.initializer_range)
        # Not in bfloat16: only the rows that are looked up are cast, not the whole
        # table, and their gradients are summed in float32.
        dtype = exact_dtype(self.compute_dtype)
        return keras.layers.Embedding(
            rows, self.hidden_size, start, dtype=dtype, name=name
        )

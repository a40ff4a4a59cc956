"""Dropout whose random bits cost a CPU little.

Keras's own dropout draws a float for each choice, and on a CPU those draws cost
as much as a matrix product. A choice needs far less: here each takes 8 random
bits, and 32 bits come from one step of the counter-based generator.
"""

import keras
import tensorflow as tf

# A byte tells 256 cases apart, so rates are rounded to the nearest 1/256, and
# the highest is 255/256: something must be kept to scale up.
_CASES = 256
# Of 32 bits; its multiples are far from each other: 2^32 divided by the golden ratio.
_BETWEEN_REPLICAS = 0x9E3779B9 - 2**32


@keras.saving.register_keras_serializable("bert_cpu")
class Dropout(keras.layers.Layer):
    """Zeroes a share of the features in training and scales up the rest.

    The kept features are scaled by one over the share that is really kept, so
    the expected output equals the input although `rate` is rounded to 1/256.

    Each replica of a `tf.distribute` strategy draws choices of its own: with the same
    ones for each, the rows that replicas have in the same place of their shares would
    lose the same features. The first draws what a model in one process would.

    Args:
        rate: float in `[0, 1)`. Share of features zeroed.
        seed: int. Fixes the choices; each call draws new ones. Default: drawn
            from `keras.utils.set_random_seed`'s. The generator's state is a
            variable, so a checkpoint holds it.

    Call arguments:
        inputs: float tensor of any shape.
        training: bool. Without it, the input is returned as it is.

    Output shape:
        That of `inputs`.

    Reference: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` is {rate}, but must be a share in [0, 1).")
        self.rate = rate
        self.seed = seed
        self._num_zeroed = min(round(rate * _CASES), _CASES - 1)
        if rate:
            self._seeds = keras.random.SeedGenerator(seed)
        # Keras's own attention, which gives its weights on request, masks what goes
        # through here.
        self.supports_masking = True
        self.built = True

    def call(self, inputs, training=False):
        if not training or not self._num_zeroed:
            return inputs
        kept = self.draw_kept(tf.shape(inputs))
        scale = _CASES / (_CASES - self._num_zeroed)
        return inputs * (tf.cast(kept, inputs.dtype) * tf.cast(scale, inputs.dtype))

    def draw_kept(self, shape):
        """What one call of this replica keeps: bool of `shape`."""
        return random_bytes(shape, self.draw_seed()) >= self._num_zeroed

    def draw_seed(self):
        """A new seed for one call of this replica: int32 `(2,)`."""
        if not self.rate:
            return tf.zeros([2], tf.int32)
        return _of_this_replica(tf.cast(self._seeds.next(), tf.int32))

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "seed": self.seed}


def random_bytes(shape, seed):
    """Even random bytes: uint8 of `shape`, the same for the same int32 `seed` (2,)."""
    count = tf.reduce_prod(shape)
    words = tf.random.stateless_uniform(
        [(count + 3) // 4], seed, minval=None, maxval=None, dtype=tf.uint32
    )
    return tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:count], shape)


def _of_this_replica(seed):
    """Another seed for each replica; the first one's is `seed` itself."""
    replica = tf.distribute.get_replica_context()
    if replica is None:  # Between replicas, as where a model is only built.
        return seed
    number = tf.cast(replica.replica_id_in_sync_group, tf.int32)
    # The second half counts calls, so the first one has to change, and by other
    # steps than 1: seeds that were given may be neighbours.
    return seed + tf.stack([number * _BETWEEN_REPLICAS, 0])

"""Compiles what steps will need in a thread, while other work leaves a core idle."""

import collections
import contextlib
import threading
from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from bert_cpu.layers.compiled.compile_block import make_compile_block
from bert_cpu.training.choose_compiled import LENGTH_STEP
from bert_cpu.training.choose_native import encoder_blocks


class CompileAhead:
    """Has XLA's programs ready when a batch of a new length is met.

    Making the programs of one length takes about 0.7 s on one core. Until the first
    step, Python traces the model on one core for longer than that. Steps compute the
    same with it and without; they only don't wait, or wait for what has begun.

    Args:
        model: has encoder blocks, all alike.
        examples: of a batch, in each part that is computed by itself.
        lengths: tokens in a window -> windows of the training split.
        max_length: int. Of a batch.
        reads_first_token: bool. Of the last block, only the first token's row is
            computed.
    """

    def __init__(
        self,
        model: keras.Model,
        examples: Sequence[int],
        lengths: Mapping[int, int],
        max_length: int,
        reads_first_token: bool,
    ):
        self._blocks = encoder_blocks(model)
        self._examples = sorted(set(examples))
        self._lengths = _most_frequent_first(lengths, max_length)
        self._reads_first_token = reads_first_token
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Leaves the rest to the steps; waits for the one program that is begun."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self):
        # Where it can't, the steps can't either, and say so.
        with contextlib.suppress(Exception):
            compile_rows, compile_attention = make_compile_block(self._blocks[0])
            for position, length in enumerate(self._lengths):
                for examples in self._examples:
                    if self._is_over():
                        return
                    compile_attention(tf.constant(examples), tf.constant(length))
                    compile_rows(tf.constant(examples * length))
                    if position == 0 and self._reads_first_token:
                        compile_rows(tf.constant(examples))

    def _is_over(self):
        # Python ends only after its threads: a mistake that ends it ends this one.
        return self._stopped.is_set() or not threading.main_thread().is_alive()


def _most_frequent_first(lengths, max_length):
    windows = collections.Counter[int]()
    for length, count in lengths.items():
        windows[min(-(-length // LENGTH_STEP) * LENGTH_STEP, max_length)] += count
    return [length for length, _ in windows.most_common()]

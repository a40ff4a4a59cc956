"""A program for test_compile_ahead: compiles ahead, then trains; XLA tells of both."""

import sys

import numpy as np
import tensorflow as tf
import tiny_bundle
from transformers import BertConfig

from bert_cpu.models.encoder import build_encoder
from bert_cpu.task_catalog import task_class
from bert_cpu.training.compile_ahead import CompileAhead
from bert_cpu.training.optimizer import AdamW
from bert_cpu.training.step import make_train_step
from bert_cpu.training.streams import share_out

BATCH_SIZE, NUM_STREAMS = 4, 2


def make_batch(size, length):
    ids = np.full((size, length), 5, "int32")
    return {
        "input_ids": tf.constant(ids),
        "token_type_ids": tf.zeros_like(ids),
        "attention_mask": tf.ones_like(ids),
        "label": tf.zeros([size], tf.int32),
        "weight": tf.ones([size]),
    }


def say(line):
    print(line, file=sys.stderr, flush=True)


def main(dtype, reads_first_token):
    task = task_class("classify")()
    config = BertConfig(**tiny_bundle.CONFIG)
    encoder = build_encoder(config, 0.1, dtype, reads_first_token)
    model = task.build(encoder, tiny_bundle.LABELS, 0.1)
    ahead = CompileAhead(
        model,
        share_out(BATCH_SIZE, NUM_STREAMS),
        {7: 3, 16: 4, 19: 1},
        20,
        reads_first_token,
    )
    ahead.start()
    ahead._thread.join()
    say("STEPS")
    spec = {
        name: tf.TensorSpec([None] * value.shape.rank, value.dtype)
        for name, value in make_batch(1, 1).items()
    }
    step = make_train_step(
        model,
        lambda batch, outputs: task.losses(batch, outputs, 0.0),
        AdamW(0.01),
        tf.distribute.get_strategy(),
        batch_spec=spec,
        is_compiled=True,
        num_streams=NUM_STREAMS,
        batch_size=BATCH_SIZE,
    )
    # The last is an epoch's, whose parts are of one and of two examples.
    for size, length in ((4, 8), (4, 16), (4, 20), (3, 8)):
        step(make_batch(size, length), True, tf.constant(0.0))
    say("NEW")  # As a length that was not known: that this is seen at all.
    step(make_batch(4, 24), True, tf.constant(0.0))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "first")

"""Ours: steps of one of several workers, or of a process alone, taken apart."""

import gc
import pathlib
import tempfile
import time
from typing import Any

from bench.ours.reduce_variants import TRAINING, variant_sum
from bench.step_batch import (
    CLIP_NORM,
    LEARNING_RATE,
    NUM_CHECKED_STEPS,
    WEIGHT_DECAY,
    step_batch,
)
from bert_cpu.commands.start_tensorflow import start_tensorflow
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.in_bfloat16 import travels_in_bfloat16

# So fast that a gradient which was summed wrongly shows in the next losses.
_CHECKED_RATE = 1e-3
STEP, BARE, TINY, UPDATE, CHECKPOINT = "step", "bare", "tiny", "update", "checkpoint"


def open_case(given: dict[str, Any]) -> "WorkerSteps":
    start_tensorflow(given["dtype"], is_alone=len(given["workers"]) < 2)
    return WorkerSteps(given)


class WorkerSteps:
    """Steps on this worker's share of a batch, and parts of a step alone.

    Args:
        given: `workers` (host:port of each; none for a process alone) and `index`;
            `batch` (of all workers), `length`, `dropout`, `dtype`, `shape` (the fields
            of a config.json) for random weights, and `directory` for checkpoints.
    """

    def __init__(self, given: dict[str, Any]):
        import tensorflow as tf

        from bert_cpu.training.strategy import make_strategy

        self._given = given
        self._cluster = Cluster(tuple(given["workers"]), given["index"])
        self._strategy = make_strategy(self._cluster)
        self._batches: dict[int, dict[str, Any]] = {}
        self._dtype = choose_profile(read_hardware(), given["dtype"]).dtype
        self._model, self._optimizer = self._build(given["dropout"], LEARNING_RATE)
        self._gradients = [
            tf.random.stateless_normal(variable.shape, (0, number), stddev=1e-3)
            for number, variable in enumerate(self._model.trainable_variables)
        ]
        (self._table,) = (
            number
            for number, variable in enumerate(self._model.trainable_variables)
            if variable.path.endswith("token/embeddings")
        )
        self._works: dict[tuple[str, str, int], Any] = {}

    def check(self, variant: str = TRAINING) -> dict[str, Any]:
        """Losses of some steps without dropout, from the same weights each time."""
        step = self._make_step(*self._build(0.0, _CHECKED_RATE), variant)
        losses = [float(step()) for _ in range(NUM_CHECKED_STEPS)]
        del step
        gc.collect()  # Graphs and variables hold each other.
        return {"losses": losses}

    def run(
        self, count: int, work: str = STEP, variant: str = TRAINING, times: int = 1
    ) -> tuple[float, dict[str, Any]]:
        """Does a piece of work `count` times.

        Args:
            count: how often.
            work: `STEP`; `BARE`, an all-reduce of tensors like the gradients; `TINY`,
                one of a single number; `UPDATE`, of the weights; `CHECKPOINT`, saved
                and read again.
            variant: how gradients are summed, one of `VARIANTS`.
            times: the batch of a `STEP` is so many times as large.

        Returns:
            How many examples (of `STEP`) or times, and `seconds` of each time, with
            `restore` seconds of each for checkpoints. Of what workers exchange:
            `table_bytes`, `slice_bytes` (a worker's rows of the table) and
            `other_bytes`.
        """
        if work == CHECKPOINT:
            return count, self._run_checkpoints(count)
        key = work, variant, times
        if key not in self._works:
            self._works[key] = self._make(*key)
        do = self._works[key]
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            do().numpy()
            seconds.append(time.perf_counter() - start)
        examples = len(self._batch(times)["weight"]) if work == STEP else 1
        return count * examples, {"seconds": seconds} | self._sizes()

    def _sizes(self):
        """Bytes of what workers exchange over a network, as training sends it."""
        variables = self._model.trainable_variables
        width = self._gradients[self._table].shape[1]
        num_bytes = [
            (2 if travels_in_bfloat16(variable.path, self._dtype) else 4)
            * int(variable.shape.num_elements())
            for variable in variables
        ]
        return {
            "table_bytes": num_bytes[self._table],
            "slice_bytes": self._num_tokens(1) * 4 * width,
            "other_bytes": sum(num_bytes) - num_bytes[self._table],
        }

    def _batch(self, times):
        """This worker's share."""
        import tensorflow as tf

        if times not in self._batches:
            given = {**self._given, "batch": times * self._given["batch"]}
            index, num_workers = self._cluster.index, self._cluster.num_workers
            ids, labels = (x[index::num_workers] for x in step_batch(given))
            self._batches[times] = {
                "input_ids": tf.constant(ids),
                "token_type_ids": tf.zeros(ids.shape, tf.int32),
                "attention_mask": tf.ones(ids.shape, tf.int32),
                "label": tf.constant(labels),
                "weight": tf.ones(len(labels)),
            }
        return self._batches[times]

    def _num_tokens(self, times):
        return int(self._batch(times)["input_ids"].shape.num_elements())

    def _make(self, work, variant, times):
        import tensorflow as tf

        variables = self._model.trainable_variables
        if work == STEP:
            return self._make_step(self._model, self._optimizer, variant, times)
        if work == UPDATE:
            with self._strategy.scope():
                self._optimizer.build(variables)  # Slots can't be made while tracing.

            def replica_work():
                return self._optimizer.apply(self._gradients, variables)
        else:
            gradients = self._as_in_training() if work == BARE else []
            sum_gradients = self._sum(variables, variant, times)

            def replica_work():
                replica = tf.distribute.get_replica_context()
                summed, numbers = sum_gradients(replica, gradients, [tf.zeros([])])
                # One that depends on all, so that none is left out.
                return tf.add_n([tf.reshape(x, [-1])[0] for x in (*summed, *numbers)])

        @tf.function
        def do():
            result = self._strategy.run(replica_work)
            return self._strategy.experimental_local_results(result)[0]

        return do

    def _as_in_training(self):
        """The gradients, with that of the table as the rows of the batch's tokens."""
        import tensorflow as tf

        table = self._gradients[self._table]
        rows = tf.reshape(self._batch(1)["input_ids"], [-1])
        slices = tf.IndexedSlices(tf.gather(table, rows), rows, tf.shape(table))
        return [
            slices if number == self._table else gradient
            for number, gradient in enumerate(self._gradients)
        ]

    def _sum(self, variables, variant, times):
        return variant_sum(
            variant,
            self._strategy,
            self._cluster,
            variables,
            most_tokens=self._num_tokens(times),
            dtype=self._dtype,
        )

    def _build(self, dropout, learning_rate):
        import keras
        from transformers import BertConfig

        from bert_cpu.models.encoder import build_encoder
        from bert_cpu.tasks.classify import Classify
        from bert_cpu.training.optimizer import AdamW

        keras.utils.set_random_seed(0)
        with self._strategy.scope():
            task = Classify()
            encoder = build_encoder(
                BertConfig(**self._given["shape"]),
                dropout,
                self._dtype,
                task.reads_first_token,
            )
            model = task.build(encoder, ["0", "1"], dropout)
            return model, AdamW(learning_rate, WEIGHT_DECAY, CLIP_NORM)

    def _make_step(self, model, optimizer, variant, times=1):
        import tensorflow as tf

        from bert_cpu.tasks.classify import Classify
        from bert_cpu.training.choose_native import choose_native
        from bert_cpu.training.step import make_train_step

        batch = self._batch(times)
        step = make_train_step(
            model,
            Classify().losses,
            optimizer,
            self._strategy,
            batch_spec={
                name: tf.TensorSpec([None] * value.shape.rank, value.dtype)
                for name, value in batch.items()
            },
            is_compiled=True,
            sum_gradients=self._sum(model.trainable_variables, variant, times),
            is_native=choose_native(model),
        )
        goes_on = tf.constant(0.0)
        return lambda: step(batch, True, goes_on)[0]

    def _run_checkpoints(self, count):
        from bert_cpu.training.checkpoint import Checkpoints, Progress

        model, optimizer = self._model, self._optimizer
        saving, restoring = [], []
        place = self._given["directory"]
        with tempfile.TemporaryDirectory(prefix="checkpoints-", dir=place) as directory:
            checkpoints = Checkpoints(
                pathlib.Path(directory),
                [*model.variables, *optimizer.variables],
                model.variables,
                "benchmark",
                keep=1,
            )
            for step in range(count):
                start = time.perf_counter()
                checkpoints.save(Progress(step=step))
                saving.append(time.perf_counter() - start)
                start = time.perf_counter()
                checkpoints.restore()
                restoring.append(time.perf_counter() - start)
        return {"seconds": saving, "restore": restoring}

"""Runs of the loop with a model that costs nothing, stopped where a test wants."""

import contextlib
import functools
import os
import signal
import time

import bag_of_words
import numpy as np
import safetensors.numpy
import tensorflow as tf
import tiny_run

from bert_cpu.data.pipeline import training_batches
from bert_cpu.training.assemble import num_batches
from bert_cpu.training.checkpoint import Checkpoints, Progress
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.history import History, read_history
from bert_cpu.training.loop import Trainee, train
from bert_cpu.training.schedule import WarmupLinearDecay
from bert_cpu.training.screen import Screen
from bert_cpu.training.stop import listening


class At(Screen):
    """A screen that does something when a step is shown."""

    def __init__(self, step, action):
        super().__init__(quiet=True)
        self.step, self.action = step, action

    @contextlib.contextmanager
    def training(self, done, total):
        def show(step, epoch, loss, speed, total):
            if step == self.step:
                self.action()

        yield show


@functools.cache
def compile_once(accumulate, ema, dropout):
    """A model, its optimizer and step, and how all variables start."""
    ids = tf.TensorSpec([None, None], tf.int32)
    batch_spec = {
        "input_ids": ids,
        "token_type_ids": ids,
        "attention_mask": ids,
        "label": tf.TensorSpec([None], tf.int32),
        "index": tf.TensorSpec([None], tf.int64),
        "weight": tf.TensorSpec([None], tf.float32),
    }
    model = bag_of_words.build(dropout)
    optimizer = bag_of_words.AdamW(0.001, ema_momentum=ema, epsilon=1e-5)
    step, _ = bag_of_words.make_step(model, optimizer, accumulate, batch_spec)
    variables = [*model.variables, *optimizer.variables]
    return model, optimizer, step, [variable.numpy() for variable in variables]


def press(number):
    """Sends this process a signal, and returns when it was heard."""
    handler = signal.getsignal(number)
    os.kill(os.getpid(), number)
    for _ in range(5000):
        if signal.getsignal(number) is not handler:
            return
        time.sleep(0.001)


class Run:
    """A run of a model that costs nothing, judged by accuracies told beforehand.

    Runs share what is compiled, so only one of them can be under way.
    """

    def __init__(self, run_dir, manifest, accuracies=(), dropout=0.3, **changes):
        settings = tiny_run.tiny_settings(
            manifest.directory.parent, **{"learning_rate": 0.001} | changes
        )
        self.run_dir, self.manifest, self.settings = run_dir, manifest, settings
        run_dir.mkdir(exist_ok=True)
        self.model, self.optimizer, self.train_step, start = compile_once(
            settings.accumulate, settings.ema, dropout
        )
        self.variables = [*self.model.variables, *self.optimizer.variables]
        for variable, value in zip(self.variables, start, strict=True):
            variable.assign(value)
        self.optimizer.learning_rate = settings.learning_rate
        self.checkpoints = Checkpoints(
            run_dir / "checkpoints", self.variables, self.model.variables, "a" * 64
        )
        self.accuracies = list(accuracies)
        self.judged = []  # The weights that were judged, epoch by epoch.
        self.validation_loss = 0.7
        self.while_judged = lambda: None
        self.first_part = {}  # What `Trainee` is told of it.
        # It rules no optimizer: these runs have one rate, set by hand.
        self.schedule = WarmupLinearDecay(settings.learning_rate, 36, 0.0)

    def evaluate(self):
        self.while_judged()
        self.judged.append(bag_of_words.weights_of(self.model))
        accuracy = self.accuracies.pop(0) if self.accuracies else 0.5
        return {"loss": self.validation_loss, "accuracy": accuracy, "macro_f1": 0.25}

    def train(self, progress=None, screen=None, gather=lambda number: [number]):
        if progress is None:
            progress = Progress()
            self.checkpoints.save(progress)
        history = History(self.run_dir, progress.step, progress.epoch)
        manifest, settings = self.manifest, self.settings
        trainee = Trainee(
            self.model,
            self.optimizer,
            self.train_step,
            lambda epoch, skip: training_batches(
                manifest, settings.batch_size, settings.seed, epoch, skip
            ),
            lambda epoch: num_batches(manifest, settings),
            self.schedule,
            self.evaluate,
            ("accuracy", "macro_f1"),
            **self.first_part,
        )
        try:
            with listening() as stop:
                return train(
                    trainee,
                    settings,
                    Cluster(),
                    progress,
                    self.checkpoints,
                    history,
                    screen or Screen(quiet=True),
                    stop,
                    gather,
                )
        finally:
            history.close()

    def history(self):
        """Its events, without what no two runs share."""
        events = read_history(self.run_dir)
        return [event | {"tokens_per_second": None} for event in events]

    def saved(self, pattern):
        """What the newest file of a kind holds."""
        path = max((self.run_dir / "checkpoints").glob(f"{pattern}.safetensors"))
        return list(safetensors.numpy.load_file(path).values())


def assert_same(weights, expected):
    assert weights.keys() == expected.keys()
    for path, value in expected.items():
        np.testing.assert_array_equal(weights[path], value, err_msg=path)

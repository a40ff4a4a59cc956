"""A model's answers to a split of the records, and what they come to."""

import contextlib
import importlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tokenizers import Tokenizer

from bert_cpu.data.manifest import Manifest
from bert_cpu.data.pipeline import evaluation_batches, stored_examples
from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.runtime.answered import Answered
from bert_cpu.task import Task
from bert_cpu.text.preprocess import Preprocess
from bert_cpu.text.windows import Reading, WindowReader
from bert_cpu.training.optimizer import AdamW

_BATCH_SIZE = 64


class Evaluation:
    """Runs a model over splits and measures its answers.

    Args:
        predict_step: as `make_predict_step` returns it.
        task: what the model was trained for.
        manifest: of the records.
        tokenizer: that they were made with. Answers need the places of tokens in
            the texts, which records don't keep.
    """

    def __init__(
        self,
        predict_step: Callable,
        task: Task,
        manifest: Manifest,
        tokenizer: Tokenizer,
    ):
        self._predict_step = predict_step
        self._task = task
        self._manifest = manifest
        self._labels = task.answer_labels(manifest.labels, tokenizer)
        self._read = WindowReader(
            tokenizer,
            manifest.max_length,
            task.too_long,
            manifest.stride,
            task.reads_apart,
            Preprocess.from_dict(manifest.preprocess),
            task.stand_ins(tokenizer),
        )
        self._loss = self._weight = 0.0
        self._warming: threading.Thread | None = None

    def get_ready(self) -> None:
        """Lets TensorFlow prepare the first answer in a thread, beside other work.

        What a function's first call costs (to optimize its graph, on one core) is two
        seconds that a first evaluation need not wait for.
        """
        self._warming = threading.Thread(target=self._answer_nothing)
        self._warming.start()

    def _answer_nothing(self):
        # Where it can't, the first answer can't either, and says so.
        with contextlib.suppress(Exception):
            importlib.import_module("sklearn.metrics")  # What most tasks measure with.
            spec = evaluation_batches(self._manifest, "validation", 1).element_spec
            self._predict_step(
                {
                    name: tf.zeros([2] * each.shape.rank, each.dtype)
                    for name, each in spec.items()
                }
            )

    def __call__(self, split: str) -> dict:
        """Measures a split: `loss` and what the task measures."""
        return self.measure(
            [(each.example, each.answer) for each in self.answer(split)]
        )

    def measure(self, answers: list[tuple[Example, Any]]) -> dict:
        """Measures the answers to the split that was answered last."""
        examples, given = zip(*answers, strict=True)
        measured = self._task.measure(examples, given, self._labels)
        return {"loss": self._loss / max(self._weight, 1e-9), **measured}

    def answer(self, split: str) -> Iterator[Answered]:
        """Yields each example of a split with its answer, as it is complete.

        The windows of a long text may be in several batches, so that the order is
        not quite that of the records.
        """
        if self._warming:
            self._warming.join()
        self._loss = self._weight = 0.0
        stored = list(stored_examples(self._manifest, split))
        # Window -> the example that it is of.
        owner = np.repeat(
            np.arange(len(stored)), [example.num_windows for example in stored]
        )
        waiting: dict[int, dict[int, dict[str, np.ndarray]]] = {}
        for batch in evaluation_batches(self._manifest, split, _BATCH_SIZE):
            outputs = self._predict_step(batch)
            self._add_loss(batch, outputs)
            for index, of_window in self._rows(batch, outputs):
                number = int(owner[index])
                windows = waiting.setdefault(number, {})
                windows[index] = of_window
                if len(windows) == stored[number].num_windows:
                    del waiting[number]
                    in_order = [windows[each] for each in sorted(windows)]
                    yield self._answer(stored[number].example, in_order)

    def read(self, example: Example) -> Reading:
        """The tokens of an example, as the model reads them."""
        (reading,) = self._read([(example.text, example.text_pair)])
        return reading

    def _add_loss(self, batch, outputs):
        losses, counts = self._task.losses(batch, outputs, 0.0)
        self._loss += float(tf.reduce_sum(losses))
        self._weight += float(tf.reduce_sum(counts))

    def _rows(self, batch, outputs):
        """Each window's place in the records, and its outputs without padding."""
        arrays = {name: tensor.numpy() for name, tensor in outputs.items()}
        lengths = batch["attention_mask"].numpy().sum(axis=1)
        for row, index in enumerate(batch["index"].numpy().tolist()):
            yield (
                index,
                {
                    name: (
                        array[row, : lengths[row]]
                        if name in self._task.per_token
                        else array[row]
                    )
                    for name, array in arrays.items()
                },
            )

    def _answer(self, example, outputs):
        reading = self.read(example)
        if len(reading.windows) != len(outputs):
            raise UserError(
                f"'{self._manifest.directory}' has {len(outputs)} windows of a text "
                f"that the tokenizer makes {len(reading.windows)} of. Prepare the data "
                "again."
            )
        answer = self._task.answer(example, reading.windows, outputs, self._labels)
        return Answered(example, reading, outputs, answer)


@contextlib.contextmanager
def average_swapped_in(optimizer: AdamW, model: keras.Model) -> Iterator[None]:
    """Lends a model the moving average of its weights, where one is kept."""
    if not optimizer.use_ema:
        yield
        return
    # Tensors, not arrays: they are handed over without being copied.
    own = [tf.convert_to_tensor(each) for each in model.trainable_variables]
    averages = optimizer._model_variables_moving_average
    for variable, average in zip(model.trainable_variables, averages, strict=True):
        variable.assign(tf.convert_to_tensor(average))
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, own, strict=True):
            variable.assign(value)

"""A task that the package lacks: grades that stand in an order, such as stars.

Its head, records, loss, answers and measures are none of another task. The test of
new tasks puts this file into a copy of the package, as `tasks/rate.py`.
"""

import dataclasses

import numpy as np

from bert_cpu.target import Target
from bert_cpu.tasks.parts.pooled_task import PooledTask
from bert_cpu.text.rows import label_of


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """A grade, and how sure it is that each grade above the lowest is reached."""

    text: str
    grade: str | None
    reached: dict[str, float]

    def columns(self):
        return [self.grade or "-"]


class Rate(PooledTask):
    """Says for each grade above the lowest whether a text reaches it.

    Reference: Frank and Hall 2001, https://doi.org/10.1007/3-540-44795-4_13.
    """

    name = "rate"
    targets = {"grade": Target("int32")}
    metrics = ("nearness", "accuracy")

    def read_label(self, row, column, settings):
        return label_of(row, column)

    def encode(self, example, windows, apart, labels):
        return [{"grade": labels[example.label]} for _ in windows]

    def build(self, encoder, labels, dropout):
        import keras

        steps = self.logits(encoder, len(labels) - 1, dropout)
        return keras.Model(encoder.input, {"steps": steps}, name="rater")

    def losses(self, batch, outputs, smoothing=0.0):
        import tensorflow as tf

        steps = outputs["steps"]
        reached = batch["grade"][:, None] > tf.range(steps.shape[-1])
        losses = tf.nn.sigmoid_cross_entropy_with_logits(
            tf.cast(reached, steps.dtype), steps
        )
        return tf.reduce_sum(losses, axis=1), tf.ones_like(losses[:, 0])

    def lean_outputs(self, graph, hidden, inputs):
        return {"steps": self.lean_logits(graph, hidden, inputs)}

    def answer(self, example, windows, outputs, labels):
        if not windows:
            return Answer(example.text, None, {})
        reached = 1 / (1 + np.exp(-np.float64(outputs[0]["steps"])))
        return Answer(
            example.text,
            labels[int((reached > 0.5).sum())],
            dict(zip(labels[1:], reached.tolist(), strict=True)),
        )

    def measure(self, examples, answers, labels):
        grades = {label: grade for grade, label in enumerate(labels)}
        off = np.array(
            [
                abs(grades[example.label] - grades[answer.grade])
                for example, answer in zip(examples, answers, strict=True)
            ]
        )
        return {
            "nearness": 1 - float(off.mean()) / (len(labels) - 1),
            "accuracy": float((off == 0).mean()),
            "examples": len(off),
        }

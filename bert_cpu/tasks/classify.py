"""One label for a text or a pair of texts."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from bert_cpu.errors import UserError
from bert_cpu.target import Target
from bert_cpu.tasks.parts.pooled_task import PooledTask
from bert_cpu.text.rows import label_of


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a classifier says of a text; `dataclasses.asdict` of it is JSON.

    Args:
        text: the text as it was given (the first one of a pair).
        label: the likeliest label, or None for an empty text.
        probabilities: label -> share in [0, 1], in the order of the model's
            labels; they sum to 1. Empty for an empty text.
    """

    text: str
    label: str | None
    probabilities: dict[str, float]

    def columns(self) -> list[str]:
        if self.label is None:
            return ["-", "-"]
        return [self.label, f"{self.probabilities[self.label]:.4f}"]


class Classify(PooledTask):
    """Tells labels apart.

    A text with nothing to read in it has no label: training leaves such texts out,
    so that any label would be by chance.

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, section 4.1.
    """

    name = "classify"
    targets = {"label": Target("int32")}
    problem_type = "single_label_classification"
    metrics = ("accuracy", "macro_f1")

    def read_label(self, row, column, settings):
        return label_of(row, column)

    def encode(self, example, windows, apart, labels):
        return [{"label": labels[example.label]} for _ in windows]

    def build(self, encoder, labels, dropout):
        """See `Task.build`. Output: `logits`, float32 `(batch, num_labels)`.

        Softmax is the loss's and the answer's work.
        """
        import keras

        return keras.Model(
            encoder.input,
            {"logits": self.logits(encoder, len(labels), dropout)},
            name="classifier",
        )

    def losses(self, batch, outputs, smoothing=0.0):
        """Cross-entropy, with labels smoothed as by Szegedy et al. 2015
        (https://arxiv.org/abs/1512.00567)."""
        import keras

        logits = outputs["logits"]
        num_labels = logits.shape[-1]
        targets = keras.ops.one_hot(batch["label"], num_labels, dtype=logits.dtype)
        targets = targets * (1 - smoothing) + smoothing / num_labels
        losses = keras.losses.categorical_crossentropy(
            targets, logits, from_logits=True
        )
        return losses, keras.ops.ones_like(losses)

    def lean_outputs(self, graph, hidden, inputs):
        return {"logits": self.lean_logits(graph, hidden, inputs)}

    def answer(self, example, windows, outputs, labels):
        if not windows:
            return Answer(example.text, None, {})
        shares = softmax(outputs[0]["logits"])
        if len(shares) != len(labels):
            raise UserError(
                f"The model tells {len(shares)} labels apart, but its model.json names "
                f"{len(labels)}. Convert the run again."
            )
        return Answer(
            example.text,
            labels[int(shares.argmax())],
            dict(zip(labels, shares.tolist(), strict=True)),
        )

    def measure(self, examples, answers, labels):
        return measure_labels(
            [example.label for example in examples],
            [answer.label for answer in answers],
            labels,
        )

    def mistake(self, example, answer):
        if answer.label == example.label:
            return None
        return {
            "label": example.label,
            "predicted": answer.label,
            "probability": round(answer.probabilities[answer.label], 6),
        }


def measure_labels(
    truths: Sequence[str], predicted: Sequence[str], labels: Sequence[str]
) -> dict:
    """Measures one label an example against the truth.

    Args:
        truths, predicted: a label for each example.
        labels: all of them, by id.

    Returns:
        dict with `accuracy`, `macro_f1` (over the labels that occur among the
        true or predicted ones), `examples`, `confusion_matrix` (rows: true
        label) and `per_label` with `precision`, `recall`, `f1` and `examples`.
    """
    # scikit-learn takes a second to import, and only this function needs it.
    from sklearn import metrics

    ids = {label: index for index, label in enumerate(labels)}
    true_ids = np.array([ids[label] for label in truths])
    predicted_ids = np.array([ids[label] for label in predicted])
    every = np.arange(len(labels))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        true_ids, predicted_ids, labels=every, zero_division=0
    )
    matrix = metrics.confusion_matrix(true_ids, predicted_ids, labels=every)
    occurs = (matrix.sum(axis=0) + matrix.sum(axis=1)) > 0
    return {
        "accuracy": float(np.mean(true_ids == predicted_ids)),
        "macro_f1": float(f1[occurs].mean()),
        "examples": len(true_ids),
        "confusion_matrix": matrix.tolist(),
        "per_label": _per_label(labels, precision, recall, f1, support),
    }


def _per_label(
    labels: Sequence[str], precision, recall, f1, support
) -> Mapping[str, Mapping[str, float]]:
    return {
        label: {
            "precision": float(precision[index]),
            "recall": float(recall[index]),
            "f1": float(f1[index]),
            "examples": int(support[index]),
        }
        for index, label in enumerate(labels)
    }


def softmax(logits: np.ndarray) -> np.ndarray:
    """float `(num_labels,)`, of any size -> float64 shares that sum to 1."""
    logits = np.asarray(logits, np.float64)
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()

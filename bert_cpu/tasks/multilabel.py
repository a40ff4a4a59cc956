"""Any number of labels for a text or a pair of texts: each is there or not."""

import dataclasses
import json
from collections.abc import Iterable, Mapping

import numpy as np

from bert_cpu.errors import UserError
from bert_cpu.target import Target
from bert_cpu.tasks.parts.pooled_task import PooledTask
from bert_cpu.text.rows import text_of

# Between the labels of one cell. A comma would fall to csv, and names hold it.
_SEPARATOR = "|"
# Where "more likely there than not" begins. The losses make probabilities of the
# outputs, so nothing needs to be tuned to a validation split, nor remembered; for
# more recall, or more precision, compare the probabilities with a bound of your own.
_THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The labels of a text; `dataclasses.asdict` of it is JSON.

    Args:
        text: as it was given (the first one of a pair).
        labels: those with a probability of 0.5 or more, in the model's order.
        probabilities: label -> share in [0, 1], each by itself, in the order of the
            model's labels. Empty for an empty text.
    """

    text: str
    labels: list[str]
    probabilities: dict[str, float]

    def columns(self) -> list[str]:
        shares = (f"{self.probabilities[label]:.4f}" for label in self.labels)
        return [_join(self.labels) or "-", _join(shares) or "-"]


class Multilabel(PooledTask):
    """Decides for every label by itself whether a text has it.

    A jsonl file has a list of names in its label column, a csv or tsv file names
    with `|` between (`sport|money`). An empty list or cell is a text without labels.
    """

    name = "multilabel"
    targets = {"labels": Target("float32", is_list=True)}
    problem_type = "multi_label_classification"
    metrics = ("average_precision", "macro_f1", "micro_f1")

    def read_label(self, row, column, settings):
        """Takes the labels' names out of a row.

        Raises:
            UserError: if the column is missing, holds something else than a list or
                a string, or a name in it is no string, empty or there twice.
        """
        position, values = row
        names = values.get(column, "")
        if column not in values or isinstance(names, str):
            cell = text_of(row, column, "--label").strip()
            names = [name.strip() for name in cell.split(_SEPARATOR)] if cell else []
        if not isinstance(names, list) or not all(
            isinstance(name, str) and name.strip() for name in names
        ):
            shown = json.dumps(values[column], ensure_ascii=False)[:40]
            raise UserError(
                f"{position} has {shown} in column '{column}', but a list of names was "
                'expected, as in ["sport", "money"] or, in a csv file, sport|money. '
                "Mend the row, or name another column with --label."
            )
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise UserError(
                f"{position} has the label '{repeated[0]}' twice in column '{column}'. "
                "Write each label once."
            )
        return names

    def label_names(self, example):
        return example.label

    def encode(self, example, windows, apart, labels):
        return [{"labels": _multi_hot(example.label, labels).tolist()}]

    def build(self, encoder, labels, dropout):
        """See `Task.build`. Output: `logits`, float32 `(batch, num_labels)`.

        The sigmoid of each is the loss's and the answer's work.
        """
        import keras

        logits = self.logits(encoder, len(labels), dropout)
        return keras.Model(encoder.input, {"logits": logits}, name="multilabel")

    def losses(self, batch, outputs, smoothing=0.0):
        """Binary cross-entropy, the mean over all labels.

        Smoothing spreads its share evenly over yes and no.
        """
        import tensorflow as tf

        logits = outputs["logits"]
        # Batches may pad lists to a multiple of some length, of labels as of tokens.
        labels = batch["labels"][:, : logits.shape[-1]]
        truth = labels * (1 - smoothing) + smoothing / 2
        entropies = tf.nn.sigmoid_cross_entropy_with_logits(truth, logits)
        losses = tf.reduce_mean(entropies, axis=-1)  # (batch,)
        return losses, tf.ones_like(losses)

    def lean_outputs(self, graph, hidden, inputs):
        return {"logits": self.lean_logits(graph, hidden, inputs)}

    def answer(self, example, windows, outputs, labels):
        if not windows:
            return Answer(example.text, [], {})
        # The sigmoid, in a form that no logit is too large for.
        shares = (1 + np.tanh(np.float64(outputs[0]["logits"]) / 2)) / 2
        if len(shares) != len(labels):
            raise UserError(
                f"The model decides on {len(shares)} labels, but its model.json names "
                f"{len(labels)}. Convert the run again."
            )
        probabilities = dict(zip(labels, shares.tolist(), strict=True))
        said = [name for name, share in probabilities.items() if share >= _THRESHOLD]
        return Answer(example.text, said, probabilities)

    def measure(self, examples, answers, labels):
        """Compares labels and probabilities with the truth.

        Returns:
            dict with `average_precision`, the mean over the labels that occur;
            `macro_f1`, the mean over those that occur or are answered; `micro_f1`, of
            all decisions together; `accuracy`, the share of texts with all labels
            right; `examples`; and `per_label` with `average_precision` (None if the
            label doesn't occur), `precision`, `recall`, `f1` and `examples`.
        """
        from sklearn import metrics

        ids = {name: index for index, name in enumerate(labels)}
        # (examples, num_labels) each
        truth = np.stack([_multi_hot(example.label, ids) for example in examples])
        said = np.stack([_multi_hot(answer.labels, ids) for answer in answers])
        shares = np.array(
            [[answer.probabilities[name] for name in labels] for answer in answers]
        )
        precision, recall, f1, support = metrics.precision_recall_fscore_support(
            truth, said, zero_division=0
        )
        ranked = {
            i: float(metrics.average_precision_score(truth[:, i], shares[:, i]))
            for i in np.flatnonzero(support).tolist()
        }
        occurs = (truth.sum(axis=0) + said.sum(axis=0)) > 0
        return {
            "average_precision": float(np.mean(list(ranked.values()) or [0.0])),
            "macro_f1": float(f1[occurs].mean()) if occurs.any() else 0.0,
            "micro_f1": float(
                metrics.f1_score(truth, said, average="micro", zero_division=0)
            ),
            "accuracy": float((truth == said).all(axis=1).mean()),
            "examples": len(examples),
            "per_label": {
                name: {
                    "average_precision": ranked.get(i),
                    "precision": float(precision[i]),
                    "recall": float(recall[i]),
                    "f1": float(f1[i]),
                    "examples": int(support[i]),
                }
                for i, name in enumerate(labels)
            },
        }

    def mistake(self, example, answer):
        """Where the two sets differ; as sure as the surest of the wrong decisions."""
        wrong = set(example.label) ^ set(answer.labels)
        if not wrong:
            return None
        shares = (answer.probabilities[name] for name in wrong)
        return {
            "label": _join(example.label) or "-",
            "predicted": _join(answer.labels) or "-",
            "probability": round(max(max(share, 1 - share) for share in shares), 6),
        }


def _multi_hot(names: Iterable[str], labels: Mapping[str, int]) -> np.ndarray:
    """float32 `(num_labels,)`: 1 for each of the names, else 0."""
    hot = np.zeros(len(labels), np.float32)
    hot[[labels[name] for name in names]] = 1
    return hot


def _join(names: Iterable[str]) -> str:
    return _SEPARATOR.join(names)

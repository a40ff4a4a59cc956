"""A number for a text or a pair of texts: how alike two are, how good one is."""

import dataclasses
import json
import math
import warnings
from collections.abc import Callable

import numpy as np

from bert_cpu.errors import UserError
from bert_cpu.target import Target
from bert_cpu.tasks.parts.pooled_task import PooledTask
from bert_cpu.tasks.parts.refuse_smoothing import refuse_smoothing
from bert_cpu.text.rows import text_of

# No score that is beyond it can be learned, and its square is still a float32.
_LARGEST = 1e6


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The score of a text; `dataclasses.asdict` of it is JSON.

    Args:
        text: as it was given (the first one of a pair).
        score: in the unit of the training labels, or None for an empty text. It can
            be a little beyond the lowest and the highest of them.
    """

    text: str
    score: float | None

    def columns(self) -> list[str]:
        return ["-" if self.score is None else f"{self.score:.4f}"]


class Score(PooledTask):
    """Learns a number by its squared error, as Devlin et al. do for STS-B.

    Labels are learned in their own unit, so that a bundle needs nothing else to
    answer in it. The head starts near 0, and each of its weights moves by about the
    learning rate a step: hundreds of them together reach scores of 0 to 5 within some
    hundred steps, and percent hardly ever. Scale those down first (percent by 20,
    say): that leaves the correlations as they are.

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, section 4.1.
    """

    name = "score"
    has_labels = False
    targets = {"score": Target("float32")}
    problem_type = "regression"
    metrics = ("spearman", "pearson")

    def read_label(self, row, column, settings):
        """Takes the score out of a row: a JSON number, or one that is written out.

        Raises:
            UserError: if the column is missing, or holds no number or one beyond a
                million.
        """
        position, values = row
        value = values.get(column, "")
        if column not in values or isinstance(value, str):
            value = text_of(row, column, "--label").strip()
        try:
            # True is 1 to float(), but nobody's score.
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not abs(number) <= _LARGEST:
            shown = json.dumps(value, ensure_ascii=False)[:40]
            raise UserError(
                f"{position} has {shown} in column '{column}', but a number between "
                f"{-_LARGEST:,.0f} and {_LARGEST:,.0f} was expected, such as 3.5. Mend "
                "the row, or name another column with --label."
            )
        return number

    def encode(self, example, windows, apart, labels):
        return [{"score": example.label}]

    def build(self, encoder, labels, dropout):
        """See `Task.build`. Output: `score`, float32 `(batch,)`."""
        import keras

        score = self.logits(encoder, 1, dropout)[:, 0]
        return keras.Model(encoder.input, {"score": score}, name="scorer")

    def losses(self, batch, outputs, smoothing=0.0):
        """The squared error of each example; there is no label to smooth."""
        import tensorflow as tf

        errors = tf.math.squared_difference(outputs["score"], batch["score"])
        return errors, tf.ones_like(errors)

    def lean_outputs(self, graph, hidden, inputs):
        return {"score": self.lean_logits(graph, hidden, inputs)[:, 0]}

    def answer(self, example, windows, outputs, labels):
        if not windows:
            return Answer(example.text, None)
        return Answer(example.text, float(outputs[0]["score"]))

    def measure(self, examples, answers, labels):
        """Compares scores with the true ones.

        Returns:
            dict with the correlations `spearman` (of ranks) and `pearson`, 0 where
            all of one side are equal; `mean_absolute_error`, in the labels' unit;
            and `examples`.
        """
        from scipy import stats

        true = np.array([example.label for example in examples], np.float64)
        given = np.array([answer.score for answer in answers], np.float64)
        return {
            "spearman": _correlation(stats.spearmanr, true, given),
            "pearson": _correlation(stats.pearsonr, true, given),
            "mean_absolute_error": float(np.abs(true - given).mean()),
            "examples": len(examples),
        }

    def check(self, settings):
        """See `Task.check`: there is no label to smooth."""
        super().check(settings)
        refuse_smoothing(self.name, settings, "numbers")


def _correlation(measure: Callable, true: np.ndarray, given: np.ndarray) -> float:
    # One example, or equal ones, vary with nothing: the quotient is 0 by 0.
    if not (np.ptp(true) and np.ptp(given)):
        return 0.0
    with warnings.catch_warnings():
        # Scores that are all but equal, as of a model that has learned nothing yet.
        warnings.simplefilter("ignore")
        correlation = float(measure(true, given).statistic)
    return correlation if math.isfinite(correlation) else 0.0

"""A label for a whole text, with the probability of each."""

import dataclasses

import numpy as np

from bert_cpu.errors import UserError
from bert_cpu.runtime.tflite_model import TFLiteModel


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


def classify(model: TFLiteModel, text: str, text_pair: str | None = None) -> Answer:
    """Labels one text or pair of texts.

    A text with nothing to read in it has no label: training leaves such texts out,
    so that any label would be by chance.

    Raises:
        UserError: see `TFLiteModel.run`; or if the model's labels were changed.
    """
    if model.is_empty(text, text_pair):
        return Answer(text, None, {})
    shares = softmax(model.run(text, text_pair))
    if len(shares) != len(model.labels):
        raise UserError(
            f"The model tells {len(shares)} labels apart, but its model.json names "
            f"{len(model.labels)}. Convert the run again."
        )
    return Answer(
        text,
        model.labels[int(shares.argmax())],
        dict(zip(model.labels, shares.tolist(), strict=True)),
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """float `(num_labels,)`, of any size -> float64 shares that sum to 1."""
    exponentials = np.exp(np.float64(logits) - np.max(logits))
    return exponentials / exponentials.sum()

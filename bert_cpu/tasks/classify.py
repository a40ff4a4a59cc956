"""One label for a text or a pair of texts."""

import keras
import numpy as np

from bert_cpu.layers.dropout import Dropout

# Keras variable path -> tensor name in transformers' BertForSequenceClassification.
HEAD_NAMES = {"logits/kernel": "classifier.weight", "logits/bias": "classifier.bias"}


def build(encoder: keras.Model, num_labels: int, dropout: float = 0.1) -> keras.Model:
    """Puts a label for the whole sequence on top of an encoder.

    Args:
        encoder: keras.Model whose output `"pooled"` is `(batch, hidden_size)`.
        num_labels: int, 2 or more.
        dropout: float in `[0, 1)`. Share of pooled features zeroed in training.

    Returns:
        keras.Model from the encoder's inputs to float32 logits
        `(batch, num_labels)`. Softmax is the loss's and the server's work.
    """
    pooled = encoder.output["pooled"]
    pooled = Dropout(dropout, dtype="float32", name="head_dropout")(pooled)
    logits = keras.layers.Dense(
        num_labels,
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        dtype="float32",
        name="logits",
    )(pooled)
    return keras.Model(encoder.input, logits, name="classifier")


def losses(labels, logits, label_smoothing: float = 0.0):
    """Cross-entropy of each example.

    Args:
        labels: int `(batch,)`.
        logits: float32 `(batch, num_labels)`.
        label_smoothing: float in `[0, 1)`. Share of probability that is spread
            evenly over all labels (Szegedy et al. 2015, arXiv 1512.00567).

    Returns:
        float32 `(batch,)`.
    """
    targets = keras.ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    targets = targets * (1 - label_smoothing) + label_smoothing / logits.shape[-1]
    return keras.losses.categorical_crossentropy(targets, logits, from_logits=True)


def metrics(labels: np.ndarray, logits: np.ndarray, names: tuple[str, ...]) -> dict:
    """Measures predictions against the truth.

    Args:
        labels: int `(examples,)`.
        logits: float `(examples, num_labels)`.
        names: the labels, by id.

    Returns:
        dict with `accuracy`, `macro_f1` (over the labels that occur among the
        true or predicted ones), `examples`, `confusion_matrix` (rows: true
        label) and `per_label` with `precision`, `recall`, `f1` and `examples`.
    """
    # scikit-learn takes a second to import, and only this function needs it.
    from sklearn import metrics as sklearn_metrics

    predicted = logits.argmax(axis=-1)
    ids = np.arange(len(names))
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, labels=ids, zero_division=0
    )
    matrix = sklearn_metrics.confusion_matrix(labels, predicted, labels=ids)
    occurs = (matrix.sum(axis=0) + matrix.sum(axis=1)) > 0
    return {
        "accuracy": float(np.mean(predicted == labels)),
        "macro_f1": float(f1[occurs].mean()),
        "examples": len(labels),
        "confusion_matrix": matrix.tolist(),
        "per_label": {
            name: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "examples": int(support[i]),
            }
            for i, name in enumerate(names)
        },
    }

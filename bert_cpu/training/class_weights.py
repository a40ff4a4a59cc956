"""Weights that let rare labels count as much as common ones."""

import numpy as np

from bert_cpu.data.manifest import Manifest
from bert_cpu.errors import UserError


def class_weights(manifest: Manifest, kind: str) -> np.ndarray | None:
    """float32 `(num_labels,)`: what an example weighs in the loss, by its label.

    Args:
        manifest: of the records, with the counts of the training split.
        kind: "balanced" makes all labels weigh the same together; "none" is None.

    Raises:
        UserError: if the task has not just one label an example.
    """
    if kind == "none":
        return None
    if "label" not in manifest.targets:
        raise UserError(
            f"--class-weights weighs examples by their label, but --task "
            f"{manifest.task} has not one label an example. Leave the option out."
        )
    counts = manifest.splits["train"].label_counts
    examples = np.array([counts[label] for label in manifest.labels], "float32")
    return examples.sum() / (len(examples) * examples)

"""The texts of a TensorFlow data set, without what else it has."""

from collections.abc import Iterator

import tensorflow_datasets as tfds

from bert_cpu.data.sources.build_dataset import build_dataset
from bert_cpu.errors import UserError


def read_tfds_texts(source: str, column: str) -> Iterator[str]:
    """Reads one column of the training split, or of the only split there is.

    Args:
        source: `tfds:NAME` or `tfds:NAME/CONFIG`.
        column: a feature that is text.

    Raises:
        UserError: as `build_dataset`; if it is no such name, or the data set has no
            such feature, or several splits of which none is for training.
    """
    if not source.startswith("tfds:"):
        raise UserError(
            f"--data names '{source}' beside data sets, but all must begin with tfds:. "
            "Give tfds:NAME,tfds:NAME."
        )
    builder = build_dataset(source.removeprefix("tfds:"))
    texts = [
        name
        for name, feature in builder.info.features.items()
        if isinstance(feature, tfds.features.Text)
    ]
    if column not in texts:
        raise UserError(
            f"'{source}' has no text '{column}' (it has: {', '.join(texts) or 'none'})."
            " Name one with --text."
        )
    splits = sorted(builder.info.splits)
    if "train" not in splits and len(splits) > 1:
        raise UserError(
            f"'{source}' has no split 'train' (it has: {', '.join(splits)}), and "
            "others may be for tests. Write the texts to read to a .txt file, and name "
            "that with --data."
        )
    split = "train" if "train" in splits else splits[0]
    config = tfds.ReadConfig(try_autocache=False)
    dataset = builder.as_dataset(split, shuffle_files=False, read_config=config)
    for row in tfds.as_numpy(dataset):
        yield row[column].decode("utf-8", "replace")

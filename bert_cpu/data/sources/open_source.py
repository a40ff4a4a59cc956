"""The one door to raw data: a file's name or a TFDS name in, examples out."""

import functools

from bert_cpu.data.sources.file_source import open_file, read_file
from bert_cpu.data.sources.source import Reader, Source
from bert_cpu.settings import PrepareSettings
from bert_cpu.task import Task


def open_source(settings: PrepareSettings, task: Task) -> Source:
    """Opens what `settings.data` names.

    - A .csv, .tsv or .jsonl file, or one of the task's own formats: columns by
      `settings.text`, `text_pair` and `label`.
    - `tfds:NAME` or `tfds:NAME/CONFIG`: our own data sets (movie_reviews,
      zh_reviews, bbc_news, people_daily, chatterbot_dialogue), and any other
      of TensorFlow Datasets, which downloads it.

    `settings.validation` and `settings.test` name files with those splits.
    Where they don't and the data has none of its own, one text in ten of train
    becomes validation and one in ten test, by a hash of the text. The test
    split of some TFDS data sets (those of glue) has no labels: then their
    validation split is the test split, and train gives the validation split.

    Args:
        settings: what to read, and the columns that hold it.
        task: what the examples are for.

    Returns:
        Source. Its first examples have been read once, so most mistakes are
        found here and not after an hour.

    Raises:
        UserError: if there is no such file, data set or column, or the first
            rows are not well formed. Later rows raise when they are read.
    """
    given: dict[str, Reader] = {
        split: functools.partial(read_file, path, settings, task)
        for split, path in (
            ("validation", settings.validation),
            ("test", settings.test),
        )
        if path is not None
    }
    if settings.data.startswith("tfds:"):
        # TensorFlow takes seconds to import, and a csv file does without it.
        from bert_cpu.data.sources.tfds_source import open_tfds

        source = open_tfds(settings, task, given)
    else:
        source = open_file(settings, task, given)
    for read in given.values():
        next(read())
    return source

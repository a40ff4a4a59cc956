"""Sentences of English film reviews, good or bad."""

import io
import tarfile
from collections.abc import Iterator

import tensorflow_datasets as tfds

from bert_cpu.data.builders.tar_member import read_tar_member
from bert_cpu.data.packages import fetch_package
from bert_cpu.data.split import split_by_text

_PACKAGE = "vaderSentiment"
_OUTER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
_INNER = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"


class MovieReviews(tfds.core.GeneratorBasedBuilder):
    """10,070 snippets: 8,099 to train, 979 to validate and 992 to test with.

    Twenty people rated each from -4 to 4. Those within 0.5 of neutral are left
    out, and so are repeats.

    Features:
        text: str.
        label: neg or pos, the sign of the mean rating.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description="Snippets of English film reviews, rated by people.",
            features=tfds.features.FeaturesDict(
                {
                    "text": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(names=["neg", "pos"]),
                }
            ),
            supervised_keys=("text", "label"),
            citation="Hutto and Gilbert 2014. VADER: a parsimonious rule-based "
            "model for sentiment analysis of social media text. ICWSM.",
        )

    def _split_generators(self, dl_manager):
        return split_by_text(_read())

    def _generate_examples(self, examples):
        return examples


def _read() -> Iterator[dict[str, str]]:
    seen = set()
    for line in _table().split("\r\n"):
        if not line:
            continue
        _, rating, text = line.split("\t")
        if abs(float(rating)) >= 0.5 and text not in seen:
            seen.add(text)
            yield {"text": text, "label": "pos" if float(rating) > 0 else "neg"}


def _table() -> str:
    with tarfile.open(fetch_package(_PACKAGE)) as outer:
        resources = read_tar_member(outer, _OUTER)
    with tarfile.open(fileobj=io.BytesIO(resources)) as inner:
        return read_tar_member(inner, _INNER).decode("utf-8")

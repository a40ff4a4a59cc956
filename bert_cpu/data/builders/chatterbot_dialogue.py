"""Turns of talk: what is said, and what may be answered."""

import itertools
import pathlib
import zipfile
from collections.abc import Iterator

import tensorflow_datasets as tfds
import yaml

from bert_cpu.data.packages import fetch_package
from bert_cpu.data.split import split_by_text

_FOLDER = "chatterbot_corpus/data"
_TOPICS = (
    "ai",
    "botprofile",
    "coding",
    "computers",
    "conversations",
    "emotion",
    "food",
    "gossip",
    "greetings",
    "health",
    "history",
    "humor",
    "literature",
    "money",
    "movies",
    "politics",
    "psychology",
    "science",
    "sports",
    "tech_support",
    "trivia",
)


class ChatterbotDialogue(tfds.core.GeneratorBasedBuilder):
    """Small talk by topic, in English or in simplified Chinese.

    Each turn of a conversation answers the one before it. Repeated pairs are
    left out; one thing said may have many answers, all in the same split.

    Features:
        text: str, what is said.
        reply: str, an answer to it.
        label: the topic. Chinese has 17 of the 21.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = (
        tfds.core.BuilderConfig(name="english", description="1,257 pairs."),
        tfds.core.BuilderConfig(name="chinese", description="550 pairs."),
    )

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description="Pairs of what is said and what is answered, by topic.",
            features=tfds.features.FeaturesDict(
                {
                    "text": tfds.features.Text(),
                    "reply": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(names=_TOPICS),
                }
            ),
            homepage="https://github.com/gunthercox/chatterbot-corpus",
        )

    def _split_generators(self, dl_manager):
        return split_by_text(_read(self.builder_config.name))

    def _generate_examples(self, examples):
        return examples


def _read(language: str) -> Iterator[dict[str, str]]:
    seen = set()
    with zipfile.ZipFile(fetch_package("chatterbot-corpus")) as archive:
        for name in sorted(archive.namelist()):
            if not (
                name.startswith(f"{_FOLDER}/{language}/") and name.endswith(".yml")
            ):
                continue
            topic = pathlib.PurePosixPath(name).stem
            for turns in yaml.safe_load(archive.read(name))["conversations"]:
                for text, reply in itertools.pairwise(turns):
                    if (text, reply) not in seen:
                        seen.add((text, reply))
                        yield {"text": text, "reply": reply, "label": topic}

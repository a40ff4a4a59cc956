"""The texts of a TensorFlow data set: never those of its tests."""

import pytest
import tensorflow_datasets as tfds

from bert_cpu.data.sources.tfds_texts import read_tfds_texts
from bert_cpu.errors import UserError

SPLITS = {
    "usual": ("test", "train", "validation"),
    "single": ("everything",),
    "measured": ("test", "validation"),
}


class TinyTexts(tfds.core.GeneratorBasedBuilder):
    """A text in each split, which tells whose it is."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = tuple(tfds.core.BuilderConfig(name=name) for name in SPLITS)

    def _info(self):
        features = {
            "body": tfds.features.Text(),
            "kind": tfds.features.ClassLabel(names=["a", "b"]),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features)
        )

    def _split_generators(self, dl_manager):
        return {
            name: self._generate_examples(name)
            for name in SPLITS[self.builder_config.name]
        }

    def _generate_examples(self, split):
        yield 0, {"body": f"a text of {split}, 中文", "kind": 0}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("name", "split"), [("usual", "train"), ("single", "everything")]
)
def test_texts_are_those_for_training_or_all_there_are(name, split):
    found = list(read_tfds_texts(f"tfds:tiny_texts/{name}", "body"))
    assert found == [f"a text of {split}, 中文"]


@pytest.mark.parametrize(
    ("source", "column", "message"),
    [
        (
            "tfds:tiny_texts/measured",
            "body",
            r"^'tfds:tiny_texts/measured' has no split 'train' \(it has: test, "
            r"validation\), and others may be for tests\. Write the texts to read",
        ),
        (
            "tfds:tiny_texts/usual",
            "kind",
            r"has no text 'kind' \(it has: body\)\. Name one with --text\.",
        ),
        ("texts.txt", "body", "names 'texts.txt' beside data sets, but all must begin"),
    ],
)
def test_what_has_no_texts_to_learn_from_is_refused(source, column, message):
    with pytest.raises(UserError, match=message):
        list(read_tfds_texts(source, column))

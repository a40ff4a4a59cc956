"""Any data set of TensorFlow's catalogue as a source, and files for its splits."""

import logging
import os
import socket
from types import MappingProxyType

import numpy as np
import pytest
import tensorflow_datasets as tfds
from source_files import TEXTS, expected_split, open_source, texts_of, write, write_csv

from bert_cpu.data.sources import tfds_source
from bert_cpu.data.sources.keep_small import keep_small
from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings
from bert_cpu.task import Task


class TinyNews(tfds.core.GeneratorBasedBuilder):
    """Somebody else's data set: its own names, and no labels in test."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = (
        tfds.core.BuilderConfig(name="all"),
        tfds.core.BuilderConfig(name="train_only"),
        tfds.core.BuilderConfig(name="labelled"),
        tfds.core.BuilderConfig(name="broken"),
    )

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "sentence": tfds.features.Text(),
                    "topic": tfds.features.ClassLabel(names=["sea", "land", "air"]),
                    "index": tfds.features.Scalar(np.int64),
                }
            ),
        )

    def _split_generators(self, dl_manager):
        for name in ("absl", "urllib3.connectionpool"):
            logging.getLogger(name).warning("noise of a download")
        config = self.builder_config.name
        if config == "broken":
            raise ConnectionError("no such host\nand more")
        unlabelled = config == "all"
        splits = {"train": self._generate_examples(0, 300)}
        if config != "train_only":
            splits["validation"] = self._generate_examples(300, 310)
            splits["test"] = self._generate_examples(310, 320, unlabelled)
        return splits

    def _generate_examples(self, start, end, unlabelled=False):
        for index in range(start, end):
            yield (
                index,
                {
                    "sentence": f"text number {index}",
                    "topic": -1 if unlabelled else index % 3,
                    "index": index,
                },
            )


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class ReadIndex(Task):
    """A task without labels, with columns and files of its own."""

    has_labels = False
    columns = MappingProxyType({"label": "index"})

    def read_label(self, row, column, settings):
        return row[1][column]

    @staticmethod
    def read_lines(path):
        for number, line in enumerate(path.read_text().splitlines()):
            yield f"line {number}", {"text": line, "index": number}

    formats = MappingProxyType({".lines": read_lines})


def test_any_tfds_data_set_is_read_by_its_only_text_and_class():
    source = open_source(PrepareSettings(data="tfds:tiny_news/labelled"))
    assert source.name == "tfds:tiny_news/labelled"
    assert source.labels == ("sea", "land", "air")
    examples = {split: list(read()) for split, read in source.splits.items()}
    assert [len(examples[split]) for split in source.splits] == [300, 10, 10]
    assert {e.text for e in examples["test"]} == {
        f"text number {i}" for i in range(310, 320)
    }
    for example in examples["train"]:
        index = int(example.text.removeprefix("text number "))
        assert example.label == ("sea", "land", "air")[index % 3]
    assert examples["validation"][0].position == ("tfds:tiny_news validation example 1")


def test_a_test_split_without_labels_gives_way_to_validation():
    source = open_source(PrepareSettings(data="tfds:tiny_news/all"))
    splits = texts_of(source)
    assert sorted(splits["test"]) == [f"text number {i}" for i in range(300, 310)]
    for split, other in (("train", "test"), ("validation", None)):
        expected = [t for t in TEXTS if expected_split(t) in (split, other)]
        assert sorted(splits[split]) == sorted(expected)


def test_a_task_reads_its_own_columns_and_files_unless_told_otherwise(tmp_path):
    data = write(tmp_path, "a.lines", "one\ntwo\nthree")
    other = write(tmp_path, "a.csv", "text,index,other\none,0,7\ntwo,1,8\nthree,2,9\n")
    for settings, labels in (
        ({"data": data}, {0, 1, 2}),
        ({"data": other}, {"0", "1", "2"}),
        ({"data": other, "label": "other"}, {"7", "8", "9"}),
    ):
        source = open_source(PrepareSettings(**settings), ReadIndex())
        examples = [e for read in source.splits.values() for e in read()]
        assert {e.label for e in examples} == labels
        assert {e.text for e in examples} == {"one", "two", "three"}
    with pytest.raises(UserError, match=r"ends in '\.lines', which is not known"):
        open_source(PrepareSettings(data=data))


def test_a_task_without_labels_reads_splits_without_classes_too():
    """The class of the test split is -1 throughout, which is nothing to it."""
    source = open_source(PrepareSettings(data="tfds:tiny_news/all"), ReadIndex())
    assert source.labels is None
    examples = list(source.splits["test"]())
    assert sorted(e.label for e in examples) == list(range(310, 320))
    assert all(e.text == f"text number {e.label}" for e in examples)


def test_a_small_data_set_is_read_once_for_all(tmp_path, monkeypatch):
    test = write_csv(tmp_path, ["my own"], header="sentence,topic")
    settings = PrepareSettings(
        data="tfds:tiny_news/train_only", test=test, text="sentence", label="topic"
    )
    source = open_source(settings)
    readings = []
    read = tfds_source._dataset
    monkeypatch.setattr(
        tfds_source, "_dataset", lambda *which: readings.append(1) or read(*which)
    )
    small = keep_small(source)
    first, second = list(small.read()), list(small.read())
    assert len(readings) == 1
    assert first == second == list(source.read())
    # Of text alone, TFDS's files have some more.
    assert source.num_bytes > sum(map(len, TEXTS)) + os.path.getsize(test)


def test_a_data_set_that_was_never_split_is_split_by_text():
    splits = texts_of(open_source(PrepareSettings(data="tfds:tiny_news/train_only")))
    for split, texts in splits.items():
        assert sorted(texts) == sorted(t for t in TEXTS if expected_split(t) == split)


def test_a_file_may_replace_a_split_of_a_data_set(tmp_path):
    test = write_csv(tmp_path, ["my own"], header="sentence,topic")
    settings = PrepareSettings(
        data="tfds:tiny_news/all", test=test, text="sentence", label="topic"
    )
    splits = texts_of(open_source(settings))
    assert splits["test"] == ["my own"]
    assert sorted(splits["validation"]) == [f"text number {i}" for i in range(300, 310)]
    assert sorted(splits["train"]) == sorted(TEXTS)


def test_a_data_set_is_built_once_and_in_silence(capfd, caplog, cache, monkeypatch):
    open_source(PrepareSettings(data="tfds:tiny_news/labelled"))
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert (cache / "tfds" / "tiny_news" / "labelled" / "1.0.0").is_dir()
    monkeypatch.setattr(TinyNews, "_split_generators", None)
    assert texts_of(open_source(PrepareSettings(data="tfds:tiny_news/labelled")))[
        "test"
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "tfds:nosuch"}, "no data set 'tfds:nosuch'.*movie_reviews"),
        ({"data": "tfds:tiny_news/x"}, "no config 'x'. It has: all, train_only"),
        ({"data": "tfds:"}, "'tfds:' is not a data set's name"),
        ({"data": "tfds:../tiny_news"}, "is not a data set's name"),
        ({"data": "tfds:huggingface:glue"}, "is not a data set's name"),
        ({"data": "tfds:tiny_news/all/data_dir=x"}, "is not a data set's name"),
        ({"text": "review"}, r"has no 'review' \(.* it has: sentence\).*--text"),
        ({"label": "index"}, r"'index' that is no class \(.* it has: topic\).*--label"),
        ({"text_pair": "topic"}, r"has a 'topic' that is no text .*--text-pair"),
        (
            {"data": "tfds:tiny_news/broken"},
            r"could not be built \(ConnectionError: no such host\)\. Check",
        ),
    ],
)
def test_a_data_set_that_cannot_be_read_is_refused_in_one_line(settings, message):
    with pytest.raises(UserError, match=message) as caught:
        open_source(PrepareSettings(**{"data": "tfds:tiny_news/labelled"} | settings))
    assert "\n" not in str(caught.value)


def test_without_a_connection_a_download_is_refused_and_not_retried(monkeypatch):
    def fail(*_):
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    monkeypatch.setattr(
        tfds.core.DatasetBuilder, "url_infos", {"https://example.org/a.zip": None}
    )
    with pytest.raises(
        UserError, match="must be downloaded, but there is no connection"
    ):
        open_source(PrepareSettings(data="tfds:tiny_news/labelled"))

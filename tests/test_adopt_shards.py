"""Shards that the original's create_pretraining_data wrote, read as our own."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tiny_pretraining
from original_shards import write_original_shards
from tiny_command import bert_cpu, succeed
from tiny_pretraining import LENGTH, MOST, made_up_tokenizer, words_of

from bert_cpu.data.pretraining.adopt_shards import adopt_shards
from bert_cpu.data.pretraining.manifest import load_pretraining_manifest
from bert_cpu.data.pretraining.pieces import Pieces
from bert_cpu.data.pretraining.records import parse_records
from bert_cpu.errors import UserError


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A directory with two files as the original writes them, and what is in them."""
    directory = tmp_path_factory.mktemp("originals")
    corpus = tiny_pretraining.made_up_corpus()
    documents = [
        document
        for split in ("train", "validation")
        for document in corpus.documents(split)
    ]
    paths = (directory / "a.tfrecord", directory / "b.tf_record")
    tokenizer = made_up_tokenizer()
    return directory, write_original_shards(paths, documents, tokenizer, LENGTH, MOST)


@pytest.fixture(scope="module")
def originals(written):
    return written[0]


def write(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def records_of(*paths):
    dataset = tf.data.TFRecordDataset([str(path) for path in paths])
    return list(dataset.as_numpy_iterator())


def adopt(source, directory, length=LENGTH, most_unknown=1.0):
    tokenizer = made_up_tokenizer()
    return adopt_shards(str(source), tokenizer, directory, length, most_unknown)


def read(manifest, split):
    paths = manifest.open_shards(split, LENGTH).paths
    return tiny_pretraining.read_as_the_original(paths, LENGTH, MOST)


def test_records_are_read_as_the_original_means_them(written):
    """Its hidden words are put back, and which sentence comes next is the same."""
    directory, instances = written
    records = records_of(directory / "a.tfrecord", directory / "b.tf_record")
    vocabulary = made_up_tokenizer().get_vocab()
    is_continuation = Pieces(vocabulary).is_continuation
    read = parse_records(tf.constant(records), LENGTH, MOST, is_continuation)
    rows = [{k: v.numpy()[row] for k, v in read.items()} for row in range(len(records))]
    assert {each.is_random_next for each in instances} == {False, True}
    for row, each in zip(rows, instances, strict=True):
        size, hidden = len(each.tokens), len(each.positions)
        assert tiny_pretraining.tokens_of(row["original_ids"][:size]) == each.tokens
        assert row["attention_mask"].tolist() == [1] * size + [0] * (LENGTH - size)
        segments = row["token_type_ids"][:size].tolist()
        assert segments == [0] * each.border + [1] * (size - each.border)
        assert row["next_sentence"] == each.is_random_next
        assert row["masked_weights"].tolist() == [1] * hidden + [0] * (MOST - hidden)
        assert row["masked_positions"][:hidden].tolist() == each.positions
        starts = [not token.startswith("##") for token in each.tokens]
        assert row["word_starts"][:size].tolist() == starts


def test_records_stay_as_they_are_and_each_sequence_is_in_one_split(
    originals, tmp_path
):
    source = f"{originals}/a.tfrecord, {originals}/b.tf_record"
    manifest = adopt(source, tmp_path / "adopted")
    given = records_of(originals / "a.tfrecord", originals / "b.tf_record")
    shards = {s: manifest.open_shards(s, LENGTH) for s in ("train", "validation")}
    dealt = {split: records_of(*each.paths) for split, each in shards.items()}
    assert sorted(dealt["train"] + dealt["validation"]) == sorted(given)
    # About one in twenty: five standard deviations of a fair deal.
    held_out = len(dealt["validation"])
    assert abs(held_out - len(given) / 20) < 5 * (len(given) * 0.05 * 0.95) ** 0.5
    sequences = {
        split: {
            tuple(tiny_pretraining.unmasked(each)) for each in read(manifest, split)
        }
        for split in dealt
    }
    assert not sequences["train"] & sequences["validation"]
    # The same records in another order, and again: dealt alike.
    again = adopt(f"{originals}/b.tf_record,{source}", tmp_path / "again")
    twice = {tuple(tiny_pretraining.unmasked(e)) for e in read(again, "validation")}
    assert twice == sequences["validation"]


def test_the_manifest_counts_as_longhand_does(originals, tmp_path):
    adopt(originals / "?.tf*", tmp_path / "adopted")
    manifest = load_pretraining_manifest(tmp_path / "adopted")
    for info in manifest.shards:
        records = read(manifest, info.split)
        assert info.examples == len(records) == manifest.documents[info.split]
        assert info.tokens == sum(each["input_mask"].sum() for each in records)
        assert info.hidden == sum(each["masked_lm_weights"].sum() for each in records)
        labels = [each["next_sentence_labels"][0] for each in records]
        assert info.random_next == sum(labels)
    infos = manifest.shards
    hidden, tokens = (sum(getattr(i, n) for i in infos) for n in ("hidden", "tokens"))
    assert manifest.mask_share == pytest.approx(hidden / tokens)


def change(path, target, **features):
    """Copies a file whose last record gets other values."""
    *records, last = records_of(path)
    example = tf.train.Example.FromString(last)
    for name, values in features.items():
        feature = example.features.feature[name].int64_list
        feature.value[:] = values(list(feature.value))
    write(target, [*records, example.SerializeToString()])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            {"input_ids": lambda ids: [7, *ids[1:]]},
            r"was written with another vocabulary than that of --encoder: it has a "
            r"sequence that begins with \[7, .* and \[CLS\] is \d+ of \d+\. Give the",
        ),
        (
            {"masked_lm_ids": lambda ids: [4321, *ids[1:]]},
            "was written with another vocabulary",
        ),
        (
            {"segment_ids": lambda ids: ids[:-1]},
            "has a record with 31 values of segment_ids, but others have 32. Give sh",
        ),
        (
            {"masked_lm_positions": lambda places: [99, *places[1:]]},
            "has a record that hides a token outside of its sequence. Write it again",
        ),
    ],
)
def test_records_that_do_not_fit_are_refused(originals, tmp_path, features, message):
    path = tmp_path / "c.tfrecord"
    change(originals / "a.tfrecord", path, **features)
    with pytest.raises(UserError, match=f"^'{path}' {message}"):
        adopt(path, tmp_path / "adopted")
    assert not (tmp_path / "adopted").exists()


def test_files_that_do_not_fit_are_refused(originals, tmp_path):
    missing = tmp_path / "no*.tfrecord"
    with pytest.raises(UserError, match=r"no\*\.tfrecord' is not there\. Give TFR"):
        adopt(f"{originals}/a.tfrecord,{missing}", tmp_path / "adopted")
    message = "--max-length is 64, but the sequences of .* have 32 tokens. Give --max-l"
    with pytest.raises(UserError, match=message):
        adopt(originals / "a.tfrecord", tmp_path / "adopted", length=64)
    write(tmp_path / "one.tfrecord", records_of(originals / "a.tfrecord")[:1])
    with pytest.raises(UserError, match="has 1 sequences, too few to hold one out"):
        adopt(tmp_path / "one.tfrecord", tmp_path / "adopted")
    write(tmp_path / "two.tfrecord", records_of(originals / "a.tfrecord")[:2])
    documents = adopt(tmp_path / "two.tfrecord", tmp_path / "adopted").documents
    assert documents == {"train": 1, "validation": 1, "empty": 0}


def test_too_many_unknown_words_are_refused(originals, tmp_path):
    share = adopt(originals / "a.tfrecord", tmp_path / "adopted").unknown_share
    assert share < 0.01
    unknown = made_up_tokenizer().unk_token_id
    write(tmp_path / "few.tfrecord", records_of(originals / "a.tfrecord")[:6])
    path = tmp_path / "c.tfrecord"
    change(
        tmp_path / "few.tfrecord",
        path,
        input_ids=lambda ids: [ids[0]] + [unknown] * (len(ids) - 1),
    )
    share = adopt(path, tmp_path / "adopted", most_unknown=0.5).unknown_share
    assert 0.01 < share < 0.5
    message = (
        rf"^{share:.1%} of the tokens of '{path}' are \[UNK\], but --most-unknown "
    )
    with pytest.raises(UserError, match=message + r"is 1\.0%\. Write them with a voc"):
        adopt(path, tmp_path / "again", most_unknown=0.01)
    assert not (tmp_path / "again").exists()


def test_an_encoder_goes_on_with_them(originals, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_pretraining.write_texts(pathlib.Path("texts.txt"))
    succeed(*words_of("first", "--epochs", 1))
    # Ids are of the vocabulary that wrote them.
    vocabulary = (pathlib.Path("runs/first/bundle") / "vocab.txt").read_text()
    made_up = sorted(made_up_tokenizer().get_vocab().items(), key=lambda pair: pair[1])
    assert vocabulary.split() == [word for word, _ in made_up]
    data = f"{originals}/*.tfrecord,{originals}/*.tf_record"
    given = (
        *("pretrain", "--data", data, "--name", "on", "--next-sentence"),
        *("--batch-size", 16, "--epochs", 8, "--minutes", 0, "--threads", 1),
    )
    alone = ("pretrain", "--data", "a.tfrecord", "--name", "on")
    assert bert_cpu(*alone).mistake.startswith(
        "--data 'a.tfrecord' holds token ids, whose vocabulary is an encoder's. Name "
        "its checkpoint by --encoder."
    )
    encoder = ("--encoder", "runs/first/bundle", "--max-length", LENGTH)
    said = succeed(*given, *encoder, "--dtype", "float32")
    metrics = json.loads(pathlib.Path("runs/on/metrics.json").read_text())
    assert f"{metrics['data']['documents']['train']:,} sequences" in said.out + said.err
    history = pathlib.Path("runs/on/history.jsonl").read_text().splitlines()
    epochs = [line for line in map(json.loads, history) if line["kind"] == "epoch"]
    perplexities = [epoch["validation_perplexity"] for epoch in epochs]
    assert perplexities[-1] < 0.9 * perplexities[0]
    assert np.isfinite(metrics["validation"]["next_sentence_accuracy"])
    # The held-out texts are what the bundle is measured on.
    succeed("evaluate", "--name", "on")

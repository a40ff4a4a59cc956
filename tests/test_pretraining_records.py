"""Pre-training records: the original's schema, every text, and counts that hold."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tiny_pretraining import (
    LENGTH,
    MOST,
    made_up_corpus,
    made_up_tokenizer,
    prepare,
    read_as_the_original,
    tokens_of,
    unmasked,
)
from transformers import BertTokenizerFast

from bert_cpu.data.pretraining.corpus import Corpus
from bert_cpu.data.pretraining.documents import documents_of
from bert_cpu.data.pretraining.find_shards import find_shards
from bert_cpu.data.pretraining.manifest import load_pretraining_manifest
from bert_cpu.data.pretraining.packed import Packed
from bert_cpu.data.pretraining.pieces import Pieces
from bert_cpu.data.pretraining.prepare import prepare_pretraining
from bert_cpu.data.pretraining.records import PretrainingWriter
from bert_cpu.errors import UserError
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.training.pretraining_data import open_pretraining_records
from bert_cpu.training.screen import Screen


@pytest.fixture(scope="module", params=[True, False], ids=["pairs", "no pairs"])
def manifest(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("records") / "made"
    return prepare(directory, next_sentence=request.param)


def test_the_originals_reader_finds_what_it_expects(manifest):
    for length, most in ((16, 3), (LENGTH, MOST)):
        shards = manifest.open_shards("train", length)
        records = read_as_the_original(shards.paths, length, most)
        assert len(records) == shards.examples > 10
        for record in records:
            whole = tokens_of(unmasked(record))
            assert whole[0] == "[CLS]"
            assert whole[-1] == "[SEP]"
            assert "[MASK]" not in whole
            assert not record["input_ids"][record["input_mask"] == 0].any()
            weights = record["masked_lm_weights"]
            assert set(weights) <= {0.0, 1.0}
            assert (np.diff(weights) <= 0).all()
            hidden = tokens_of(record["masked_lm_ids"][weights > 0])
            assert not {"[CLS]", "[SEP]", "[PAD]", "[UNK]"} & set(hidden)
            segments = record["segment_ids"][record["input_mask"] == 1]
            if manifest.next_sentence:
                # The second segment begins behind the first [SEP].
                border = whole.index("[SEP]") + 1
                assert segments.tolist() == [0] * border + [1] * (len(whole) - border)
            else:
                assert not segments.any()
                assert record["next_sentence_labels"] == [0]


def test_all_sentences_are_in_the_records(manifest):
    for split in ("train", "validation"):
        shards = manifest.open_shards(split, LENGTH)
        records = read_as_the_original(shards.paths, LENGTH, MOST)
        found = [n for record in records for n in unmasked(record) if n > 4]
        expected = [
            number
            for sentence in made_up_corpus().sentences(split)
            for number in made_up_tokenizer()(sentence)["input_ids"][1:-1]
        ]
        if manifest.next_sentence:
            # Of a pair that is too long the ends are cut off.
            assert set(found) <= set(expected)
        else:
            assert found == expected


def test_the_manifest_counts_what_is_there(manifest):
    assert manifest.lengths == (16, LENGTH)
    assert manifest.unknown_share == 0
    assert sum(manifest.documents.values()) == 120
    assert load_pretraining_manifest(manifest.directory) == manifest
    for info in manifest.shards:
        shards = manifest.open_shards(info.split, info.length)
        records = read_as_the_original(shards.paths, info.length, info.max_predictions)
        assert info.examples == len(records)
        assert info.tokens == sum(record["input_mask"].sum() for record in records)
        hidden = sum(record["masked_lm_weights"].sum() for record in records)
        assert info.hidden == hidden
        strangers = sum(record["next_sentence_labels"][0] for record in records)
        assert info.random_next == strangers


def test_preparing_again_gives_the_same_bytes(manifest, tmp_path):
    settings = {"lengths": (16, LENGTH), "next_sentence": manifest.next_sentence}
    again = prepare(tmp_path / "again", **settings)
    assert again.fingerprint == manifest.fingerprint
    other = prepare(tmp_path / "b", seed=1, **settings)
    assert other.fingerprint != manifest.fingerprint


def test_the_tokenizer_is_beside_the_records(manifest):
    vocabulary = made_up_tokenizer().get_vocab()
    again = BertTokenizerFast.from_pretrained(manifest.directory)
    assert again.get_vocab() == vocabulary
    words = (manifest.directory / "vocab.txt").read_text(encoding="utf-8").split("\n")
    assert {word: number for number, word in enumerate(words[:-1])} == vocabulary


def test_progress_reaches_all_documents(tmp_path):
    seen = {}
    prepare(
        tmp_path / "a",
        (16,),
        progress=lambda stage, done, total: seen.update({stage: (done, total)}),
    )
    counts = made_up_corpus().num_documents
    assert seen == {f"{split} 16": (n, n) for split, n in counts.items()}


def test_a_vocabulary_of_another_language_is_refused(tmp_path):
    texts = [f"{number}. Привет, мир." for number in range(50)]
    foreign = Corpus("foreign", lambda: documents_of(texts))
    message = r"unknown to the vocabulary.* р .*2.0% at most"
    with pytest.raises(UserError, match=message):
        prepare_pretraining(foreign, made_up_tokenizer(), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_unseen_characters_are_no_documents(tmp_path):
    invisible = Corpus("odd", lambda: iter([["\u200b"], ["\u200c"]]), num_held_out=1)
    message = r"documents of 'odd' have no letter.*Give more documents"
    with pytest.raises(UserError, match=message):
        prepare_pretraining(
            invisible, made_up_tokenizer(), tmp_path / "a", next_sentence=False
        )


class Listener(Screen):
    """A screen that remembers what it was told."""

    def __init__(self):
        super().__init__(quiet=True)
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.mark.parametrize("suffix", [".txt", ".jsonl"])
def test_empty_documents_are_left_out_and_told(tmp_path, suffix):
    """The records are those of a file without them, byte by byte."""
    texts = [
        " ".join(document)
        for split in ("train", "validation")
        for document in made_up_corpus().documents(split)
    ]
    empty = [*texts[:50], "", *texts[50:100], "  ", "\t", *texts[100:]]
    said, manifests = [], []
    for name, documents in (("with", empty), ("without", texts)):
        path = tmp_path / f"{name}{suffix}"
        rows = documents
        if suffix == ".jsonl":
            rows = [json.dumps({"text": document}) for document in documents]
        path.write_text("\n".join(rows), encoding="utf-8")
        settings = PretrainSettings(
            data=str(path), one_per_line=True, vocab_size=200, short_epochs=0
        )
        screen = Listener()
        manifest, _ = open_pretraining_records(
            settings, tmp_path / f"{name}_records", None, screen
        )
        manifests.append(manifest)
        said += screen.lines
    left_out, plain = manifests
    assert (left_out.documents["empty"], plain.documents["empty"]) == (3, 0)
    assert left_out.files == plain.files
    assert left_out.documents | {"empty": 0} == plain.documents
    assert " held out, 3 empty and left out; " in said[0]
    assert said[0].replace(", 3 empty and left out", "") == said[1]


def test_shards_have_a_size(tmp_path):
    pieces = Pieces(made_up_tokenizer().get_vocab())
    ids = np.arange(20, 27, dtype=np.int32)
    packed = [Packed(np.stack([ids + number, np.ones(7, int)])) for number in range(8)]
    with PretrainingWriter(tmp_path, "train-9", pieces, 9, 0.15, 2, 0, 3) as writer:
        for begin in (0, 4):
            writer.write(packed[begin : begin + 4])
    assert writer.shards == [f"train-9-0000{number}.tfrecord" for number in range(3)]
    found = [
        [
            unmasked(record)[1]
            for record in read_as_the_original([tmp_path / name], 9, 2)
        ]
        for name in writer.shards
    ]
    assert found == [[20, 21, 22], [23, 24, 25], [26, 27]]


@pytest.mark.parametrize("next_sentence, least", [(True, 5), (False, 4)])
def test_too_short_sequences_are_refused(tmp_path, next_sentence, least):
    message = f"--max-length is {least - 1}, but must be {least} or more"
    with pytest.raises(UserError, match=message):
        prepare(tmp_path / "a", (64, least - 1), next_sentence=next_sentence)


@pytest.mark.parametrize("case", ["shard", "field", "unlisted", "length"])
def test_a_damaged_directory_is_refused(tmp_path, case):
    manifest = prepare(tmp_path / "a", (16,))
    path = manifest.directory / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    shard = manifest.shards[0].shards[0]
    if case == "shard":
        (manifest.directory / shard).write_bytes(b"short")
        message = r"the record at byte 0 is cut off. Prepare the documents again"
    elif case == "field":
        content["shards"][0]["more"] = 1
        message = r"has other fields than were written.*more.*Prepare the documents"
    elif case == "unlisted":
        del content["files"][shard]
        message = r"has other fields than were written.*Prepare the documents again"
    else:
        message = r"no train records of length 99 \(it has: 16\). Prepare"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        load_pretraining_manifest(manifest.directory).open_shards("train", 99)


def test_shards_that_are_none_are_refused(tmp_path):
    pieces = Pieces(made_up_tokenizer().get_vocab())
    with pytest.raises(UserError, match=r"There are no shards. Name one or more"):
        find_shards([], pieces)
    path = tmp_path / "a.tfrecord"
    path.write_bytes(b"")
    with pytest.raises(UserError, match=r"has no records. Give shards with records"):
        find_shards([path], pieces)
    path.write_bytes(b"not a record at all")
    with pytest.raises(UserError, match=r"at byte 0 has a wrong length CRC.*Write it"):
        find_shards([path], pieces)
    for record in (b"\xff\xff", tf.train.Example().SerializeToString()):
        with tf.io.TFRecordWriter(str(path)) as writer:
            writer.write(record)
        with pytest.raises(UserError, match=r"records without input_ids.*Name other"):
            find_shards([path], pieces)

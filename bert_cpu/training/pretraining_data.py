"""From the settings of a pre-training run to its tokenizer and records."""

import functools
import itertools
import pathlib
from collections.abc import Callable, Iterator

from transformers import BertTokenizerFast

from bert_cpu.data.manifest import is_prepared
from bert_cpu.data.pretraining.adopt_shards import adopt_shards
from bert_cpu.data.pretraining.corpus import Corpus
from bert_cpu.data.pretraining.documents import documents_of, read_documents
from bert_cpu.data.pretraining.manifest import (
    PretrainingManifest,
    load_pretraining_manifest,
)
from bert_cpu.data.pretraining.mend_pretraining import mend_pretraining
from bert_cpu.data.pretraining.prepare import prepare_pretraining
from bert_cpu.data.pretraining.vocabulary import train_vocabulary
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import Checkpoint
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.training.check_followed import check_followed
from bert_cpu.training.check_length import check_length
from bert_cpu.training.screen import Screen
from bert_cpu.training.tell_left_out import tell_left_out

_INSTEAD = "Or leave damaged records out by --skip-damaged."


def open_corpus(settings: PretrainSettings) -> Corpus:
    """Opens the documents that settings name.

    Raises:
        UserError: if there are none, or they can't be read.
    """
    # The random next sentence comes from another document.
    num_held_out = 2 if settings.next_sentence else 1
    return Corpus(settings.data, _opener(settings), num_held_out)


def open_pretraining_records(
    settings: PretrainSettings,
    directory: pathlib.Path,
    checkpoint: Checkpoint | None,
    screen: Screen,
    is_chief: bool = True,
) -> tuple[PretrainingManifest, BertTokenizerFast]:
    """Opens the records of a run after checking them, or prepares them.

    Args:
        settings: of the run.
        directory: of the run's own records.
        checkpoint: whose tokenizer is used; else a vocabulary is made.
        screen: shows bars, and what was left out.
        is_chief: whether this process may mend damaged records, see `mended_dir`.

    Raises:
        UserError: for every mistake of the documents, damaged records, or sequences
            that are longer than the checkpoint can read.
    """
    if checkpoint is not None:
        # The short sequences of the first epochs are never longer.
        check_length(settings.max_length, checkpoint)
    if is_prepared(str(directory)):
        manifest = _open_prepared(directory, settings.mended_dir, is_chief)
        tell_left_out(manifest.directory, screen)
        return manifest, load_tokenizer(manifest.directory)
    if settings.reads_records and checkpoint is not None:
        return _adopt(settings, directory, checkpoint, screen), checkpoint.tokenizer
    corpus = open_corpus(settings)
    if checkpoint is None:
        sentences = corpus.sentences("train")
        tokenizer = train_vocabulary(sentences, settings.vocab_size, settings.lowercase)
    else:
        tokenizer = checkpoint.tokenizer
    with screen.counting("preparing") as count:
        manifest = prepare_pretraining(
            corpus,
            tokenizer,
            directory,
            lengths_of(settings),
            settings.next_sentence,
            settings.mask_share,
            settings.most_unknown,
            settings.seed,
            count,
        )
    documents = manifest.documents
    # Between the blank lines of a .txt file nothing is counted as a document.
    num_empty = documents["empty"]
    left_out = f", {num_empty:,} empty and left out" if num_empty else ""
    screen.say(
        f"{documents['train']:,} documents, {documents['validation']:,} held out"
        f"{left_out}; {len(tokenizer):,} pieces, "
        f"{manifest.unknown_share:.2%} of all tokens unknown to them"
    )
    return manifest, tokenizer


def _adopt(settings, directory, checkpoint, screen):
    with screen.counting("copying") as count:
        manifest = adopt_shards(
            settings.data,
            checkpoint.tokenizer,
            directory,
            settings.max_length,
            settings.most_unknown,
            count,
        )
    screen.say(
        f"{manifest.documents['train']:,} sequences, "
        f"{manifest.documents['validation']:,} held out; {manifest.unknown_share:.2%} "
        "of all tokens unknown to the vocabulary"
    )
    return manifest


def _open_prepared(directory, mended, is_chief):
    if mended is None:
        return load_pretraining_manifest(directory, instead=_INSTEAD)
    if is_prepared(str(mended)):
        return load_pretraining_manifest(mended)
    manifest = load_pretraining_manifest(directory, checks_files=False)
    if is_chief:
        return mend_pretraining(manifest, mended)
    check_followed(lambda: load_pretraining_manifest(directory), mended)
    return manifest


def lengths_of(settings: PretrainSettings) -> list[int]:
    """Tokens in a sequence, of each part of the run."""
    first = [settings.short_length] if settings.num_short_epochs else []
    return [*first, settings.max_length]


def _opener(settings: PretrainSettings) -> Callable[[], Iterator[list[str]]]:
    if not settings.data.startswith("tfds:"):
        path = pathlib.Path(settings.data)
        if not path.exists():
            raise UserError(
                f"--data '{path}' is not there. Give a .txt file or a directory of "
                "them, a file with columns, or tfds:NAME."
            )
        return functools.partial(
            read_documents, path, settings.text, settings.one_per_line
        )
    # TensorFlow Datasets takes a moment to import.
    from bert_cpu.data.sources.tfds_texts import read_tfds_texts

    sources = [name.strip() for name in settings.data.split(",")]

    def open_documents():
        texts = (read_tfds_texts(source, settings.text) for source in sources)
        return documents_of(itertools.chain.from_iterable(texts))

    return open_documents

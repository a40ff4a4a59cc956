"""From documents to a directory of pre-training records, in constant memory."""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Iterator, Sequence

from transformers import BertTokenizerFast

from bert_cpu import storage
from bert_cpu.data.pretraining.corpus import Corpus
from bert_cpu.data.pretraining.coverage import Coverage
from bert_cpu.data.pretraining.full_sequences import pack_full_sequences
from bert_cpu.data.pretraining.manifest import (
    PretrainingManifest,
    ShardsInfo,
    save_pretraining_manifest,
)
from bert_cpu.data.pretraining.masks import most_predictions
from bert_cpu.data.pretraining.pairs import pack_pairs
from bert_cpu.data.pretraining.pieces import Pieces
from bert_cpu.data.pretraining.records import PretrainingWriter
from bert_cpu.data.pretraining.save_tokenizer import save_tokenizer
from bert_cpu.data.pretraining.tokenized import tokenize_documents
from bert_cpu.errors import UserError

# Sequences whose masks are drawn at once.
_BATCH_SIZE = 1000
# Documents after which a vocabulary that does not fit is refused.
_FIRST_DOCUMENTS = 1000


def prepare_pretraining(
    corpus: Corpus,
    tokenizer: BertTokenizerFast,
    directory: pathlib.Path,
    lengths: Sequence[int] = (128,),
    next_sentence: bool = True,
    mask_share: float = 0.15,
    most_unknown: float = 0.02,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> PretrainingManifest:
    """Packs, masks and writes documents, and a tokenizer and manifest beside them.

    Args:
        corpus: the documents, in two splits.
        tokenizer: of the encoder, or of `train_vocabulary`.
        directory: written aside and renamed; what is there is replaced.
        lengths: tokens in a sequence. Of several, each has records of all
            documents, so that training can begin with short and cheap ones.
        next_sentence: bool. Pairs of segments, half of them strangers; else
            sentences in a row, one segment.
        mask_share: float in `(0, 1]`. Share of tokens that the records hide.
        most_unknown: float. Share of tokens that may be unknown to the vocabulary.
        seed: int. Fixes every choice.
        progress: called with a stage ("train 128"), documents read, and all.

    Returns:
        PretrainingManifest.

    Raises:
        UserError: if a length leaves no room, the vocabulary does not cover the
            documents, there is nothing to read in those of a split, the disk is
            full, or `directory` can't be made.
    """
    least = 5 if next_sentence else 4
    for length in lengths:
        if length < least:
            raise UserError(f"--max-length is {length}, but must be {least} or more.")
    pieces = Pieces(tokenizer.get_vocab())
    backend = tokenizer.backend_tokenizer
    _check_first(corpus, backend, pieces, most_unknown)
    coverage = Coverage(backend)
    infos = []
    with storage.new_directory(directory) as aside:
        for length, split in itertools.product(lengths, corpus.num_documents):
            documents = _report(corpus, split, length, progress)
            tokenized = tokenize_documents(documents, backend, pieces, coverage)
            if next_sentence:
                packed = pack_pairs(tokenized, length, seed)
            else:
                packed = pack_full_sequences(tokenized, length, pieces.sep_id)
            info = _write(packed, aside, split, length, pieces, mask_share, seed)
            if not info.examples:
                raise UserError(
                    f"The {split} documents of '{corpus.name}' have no letter that a "
                    "tokenizer reads. Give more documents."
                )
            infos.append(info)
        coverage.check(most_unknown)
        save_tokenizer(tokenizer, aside)
        names = [path.name for path in aside.iterdir()]
        manifest = PretrainingManifest(
            directory=aside,
            source=corpus.name,
            next_sentence=next_sentence,
            mask_share=mask_share,
            seed=seed,
            documents=corpus.num_documents | {"empty": corpus.num_empty},
            unknown_share=coverage.unknown_share,
            shards=tuple(infos),
            files=storage.describe_files(aside, names),
        )
        save_pretraining_manifest(manifest)
    return dataclasses.replace(manifest, directory=directory)


def _check_first(corpus, backend, pieces, most_unknown):
    """Refuses a vocabulary of another language before hours of work."""
    coverage = Coverage(backend)
    documents = itertools.islice(corpus.documents("train"), _FIRST_DOCUMENTS)
    for _ in tokenize_documents(documents, backend, pieces, coverage):
        pass
    coverage.check(most_unknown)


def _write(packed, directory, split, length, pieces, mask_share, seed):
    """Writes one split in one length, and says what was written."""
    writer = PretrainingWriter(
        directory=directory,
        prefix=f"{split}-{length}",
        pieces=pieces,
        length=length,
        share=mask_share,
        max_predictions=most_predictions(length, mask_share),
        seed=seed,
    )
    with writer:
        while batch := list(itertools.islice(packed, _BATCH_SIZE)):
            writer.write(batch)
    return ShardsInfo(
        split=split,
        length=length,
        max_predictions=most_predictions(length, mask_share),
        shards=tuple(writer.shards),
        **writer.counts,
    )


def _report(corpus, split, length, progress) -> Iterator[list[str]]:
    total = corpus.num_documents[split]
    for done, document in enumerate(corpus.documents(split), start=1):
        yield document
        if done % 1000 == 0 or done == total:
            progress(f"{split} {length}", done, total)

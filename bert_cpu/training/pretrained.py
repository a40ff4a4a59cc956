"""What pre-training leaves: a bundle, and held-out texts to measure it on."""

from collections.abc import Iterator

import keras
from transformers import BertConfig, BertTokenizerFast

from bert_cpu.data.damage.parse_example import parse_example
from bert_cpu.data.damage.scan_records import Record, scan_records
from bert_cpu.data.prepare import prepare_records
from bert_cpu.data.pretraining.manifest import load_pretraining_manifest
from bert_cpu.data.pretraining.sequence_of import sequence_of
from bert_cpu.data.sources.source import Source
from bert_cpu.example import Example
from bert_cpu.models.bundle import BundleInfo, save_bundle
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.fill import Fill
from bert_cpu.tasks.parts.pretrain import HEAD_NAMES
from bert_cpu.text.preprocess import Preprocess
from bert_cpu.training.pretraining_data import open_corpus


class FillAndNextSentence(Fill):
    """Fill, saved with the other head of pre-training beside its own."""

    head_names = HEAD_NAMES
    architecture = "BertForPreTraining"


def save_pretrained(
    settings: PretrainSettings,
    model: keras.Model,
    config: BertConfig,
    tokenizer: BertTokenizerFast,
) -> None:
    """Writes the bundle of a run, and the records that `export` compares on.

    Args:
        settings: of the run.
        model: as `build_pretraining` makes it, trained.
        config: of its encoder.
        tokenizer: of its encoder.

    Raises:
        UserError: if the disk is full.
    """
    task = FillAndNextSentence() if settings.next_sentence else Fill()
    prepare = PrepareSettings(
        task="fill",
        data=settings.data,
        max_length=settings.max_length,
    )
    info = BundleInfo(
        task=task.name,
        labels=(),
        max_length=prepare.max_length,
        text_pair=False,
        preprocess=Preprocess().to_dict(),
        stride=prepare.overlap,
    )
    save_bundle(settings.run_dir / "bundle", model, task, config, tokenizer, info)
    source = Source(settings.data, {"test": lambda: _held_out(settings, tokenizer)})
    prepare_records(source, prepare, tokenizer, settings.run_dir / "records", task)


def _held_out(settings, tokenizer) -> Iterator[Example]:
    if settings.reads_records:
        yield from _held_out_records(settings, tokenizer)
        return
    documents = open_corpus(settings).documents("validation")
    for number, sentences in enumerate(documents, start=1):
        # Chinese sentences follow each other without a space.
        join = "" if sentences[0][-1:] in "。！？；…”" else " "
        text = join.join(sentences)
        yield Example(text, None, None, f"{settings.data} held out {number}")


def _held_out_records(settings, tokenizer):
    """The texts of held-out records, as far as their pieces say them."""
    directory = settings.run_dir / "pretraining"
    manifest = load_pretraining_manifest(directory, checks_files=False)
    shards = manifest.open_shards("validation", settings.max_length)
    number = 0
    for path in shards.paths:
        for record in scan_records(path):
            if isinstance(record, Record):
                number += 1
                ids = sequence_of(parse_example(record.data))
                text = tokenizer.decode(ids, skip_special_tokens=True)
                yield Example(text, None, None, f"{path.name} record {number}")

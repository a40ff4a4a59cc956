"""What pre-training leaves: a bundle, and held-out texts to measure it on."""

from collections.abc import Iterator

import keras
from transformers import BertConfig, BertTokenizerFast

from bert_cpu.data.prepare import prepare_records
from bert_cpu.data.sources.source import Source
from bert_cpu.example import Example
from bert_cpu.models.bundle import BundleInfo, save_bundle
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.settings import PrepareSettings
from bert_cpu.tasks.fill import Fill
from bert_cpu.tasks.pretrain import HEAD_NAMES
from bert_cpu.text.preprocess import Preprocess
from bert_cpu.training.pretraining_data import open_corpus


class _FillAndNextSentence(Fill):
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
    task = _FillAndNextSentence() if settings.next_sentence else Fill()
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
    source = Source(settings.data, {"test": lambda: _held_out(settings)})
    prepare_records(source, prepare, tokenizer, settings.run_dir / "records", task)


def _held_out(settings: PretrainSettings) -> Iterator[Example]:
    documents = open_corpus(settings).documents("validation")
    for number, sentences in enumerate(documents, start=1):
        # Chinese sentences follow each other without a space.
        join = "" if sentences[0][-1:] in "。！？；…”" else " "
        text = join.join(sentences)
        yield Example(text, None, None, f"{settings.data} held out {number}")

"""Writes a tokenizer beside the records that it made."""

import pathlib

from transformers import BertTokenizerFast

from bert_cpu.data.pretraining.manifest import VOCABULARY_NAME


def save_tokenizer(tokenizer: BertTokenizerFast, directory: pathlib.Path) -> None:
    """Writes it in the Hugging Face layout, with the vocabulary as the original's."""
    tokenizer.save_pretrained(directory)
    # The older file, for tools that read no tokenizer.json: a word a line, by id.
    words = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    text = "".join(f"{word}\n" for word, _ in words)
    (directory / VOCABULARY_NAME).write_text(text, encoding="utf-8")

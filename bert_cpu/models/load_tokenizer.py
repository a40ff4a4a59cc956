"""Opens a tokenizer, without the libraries that an encoder needs."""

import pathlib

from transformers import BertTokenizerFast

from bert_cpu.errors import UserError


def load_tokenizer(directory: pathlib.Path) -> BertTokenizerFast:
    """Reads a WordPiece tokenizer from a directory in the Hugging Face layout.

    Where there is a vocab.txt and nothing beside it, as the original has it, texts
    are lower-cased unless a word of it has a capital letter.

    Raises:
        UserError: if neither `tokenizer.json` nor `vocab.txt` can be read.
    """
    has_files = any((directory / n).is_file() for n in ("tokenizer.json", "vocab.txt"))
    if not has_files:
        raise UserError(
            f"'{directory}' has neither tokenizer.json nor vocab.txt. Add the one "
            "that the checkpoint was trained with."
        )
    rules = ("tokenizer.json", "tokenizer_config.json")
    try:
        options = {}
        if not any((directory / name).is_file() for name in rules):
            words = (directory / "vocab.txt").read_text(encoding="utf-8").split("\n")
            # Special words, such as [CLS], are no words of a text.
            options["do_lower_case"] = all(
                word == word.lower() or word.startswith("[") for word in words
            )
        return BertTokenizerFast.from_pretrained(
            str(directory), local_files_only=True, **options
        )
    except Exception as error:  # tokenizers raises bare Exception.
        reason = " ".join(str(error).split())
        raise UserError(
            f"'{directory}' has a tokenizer that can't be read ({reason}). Fetch "
            "tokenizer.json and vocab.txt again."
        ) from error

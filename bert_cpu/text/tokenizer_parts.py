"""A WordPiece tokenizer in two files, which open in half the time of tokenizer.json.

In that file the vocabulary is JSON that is read twice, and takes longer than a short
text to be answered. Here it is a word a line, as the original's vocab.txt.
"""

import json
import pathlib
from collections.abc import Container

from tokenizers import Tokenizer
from tokenizers.models import WordPiece

_WORDS, _RULES = "vocab.txt", "tokenizer_rules.json"
PARTS = (_WORDS, _RULES)
WHOLE = "tokenizer.json"


def write_parts(tokenizer: Tokenizer, directory: pathlib.Path) -> bool:
    """Writes the two files, if all of the tokenizer can be in them.

    Args:
        tokenizer: of any kind.
        directory: where they go.

    Returns:
        Whether they were written.
    """
    rules = json.loads(tokenizer.to_str())
    model = rules["model"]
    if model.get("type") != "WordPiece":
        return False
    vocabulary = model["vocab"]
    words = sorted(vocabulary, key=lambda word: vocabulary[word])
    # Those that rules speak of have to be in it when these are read.
    own = {each["content"] for each in rules["added_tokens"]}
    model["vocab"] = {word: vocabulary[word] for word in words if word in own}
    paths = [directory / name for name in PARTS]
    content = "".join(f"{word}\n" for word in words)
    paths[0].write_text(content, encoding="utf-8", newline="\n")
    paths[1].write_text(json.dumps(rules, ensure_ascii=False), encoding="utf-8")
    # A word with a space at its end, or a number without a word, is lost in lines.
    if open_parts(directory).to_str() == tokenizer.to_str():
        return True
    for path in paths:
        path.unlink()
    return False


def open_parts(directory: pathlib.Path) -> Tokenizer:
    """The tokenizer that `write_parts` was given."""
    tokenizer = Tokenizer.from_file(str(directory / _RULES))
    model = tokenizer.model
    tokenizer.model = WordPiece.from_file(
        str(directory / _WORDS),
        unk_token=model.unk_token,
        max_input_chars_per_word=model.max_input_chars_per_word,
        continuing_subword_prefix=model.continuing_subword_prefix,
    )
    return tokenizer


def files_to_open(described: Container[str]) -> tuple[str, ...]:
    """Which files to open of those that a directory has: the parts, or the whole."""
    return PARTS if all(name in described for name in PARTS) else (WHOLE,)


def open_tokenizer(directory: pathlib.Path, names: tuple[str, ...]) -> Tokenizer:
    """Opens what `files_to_open` chose."""
    if names == PARTS:
        return open_parts(directory)
    return Tokenizer.from_file(str(directory / WHOLE))

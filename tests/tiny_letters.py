"""A WordPiece tokenizer that knows single letters, and how they are joined."""

import string

from tokenizers import (
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CHARACTERS = (*string.ascii_letters, *string.digits, *string.punctuation, *"éｂ吴明京")


def tiny_letters(lowercase=True):
    """Each letter of a word is a piece; a word with an unknown one is `[UNK]`."""
    pieces = (*_SPECIAL, *_CHARACTERS, *(f"##{letter}" for letter in _CHARACTERS))
    tokenizer = Tokenizer(
        models.WordPiece(
            {piece: number for number, piece in enumerate(pieces)},
            unk_token="[UNK]",
            max_input_chars_per_word=100,
        )
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer

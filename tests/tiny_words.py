"""A small tokenizer of English and Chinese words that knows `[MASK]`."""

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = (
    *SPECIAL,
    *("the", "film", "was", "good", "bad", "long", "un", "##watch", "##able", "love"),
    *("##ly", "i", "it", ".", ",", "!", "'", "t", "don", "cafe"),
    *("这", "家", "酒", "店", "很", "好", "差", "。", "不"),
)


def tokenizer():
    """Uncased WordPiece over `WORDS`."""
    made = tokenizers.Tokenizer(
        models.WordPiece(
            {word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"
        )
    )
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.add_special_tokens(list(SPECIAL))
    return made

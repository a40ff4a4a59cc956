"""A tokenizer that can spell the marks of entities, and texts with such marks."""

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors

from bert_cpu.tasks.relate import Relate
from bert_cpu.text.windows import WindowReader

TASK = Relate()
WITH_SIGNS = Relate("signs")
TEXT = "The <e1>smoke</e1> of a <e2>fire</e2>."
CHINESE = "<e2>洪水</e2>是<e1>暴雨</e1>引起的。"
WORDS = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "smoke", "of", "a", "fire", "."),
    *("<", "/", ">", "e", "##1", "##2", "洪", "水", "是", "暴", "雨", "引"),
)
# With what stands for the marks; `WORDS` spell them.
SIGNED = (*WORDS, "$", "#", "§", "5")


def tokenizer_of(words):
    vocabulary = {word: position for position, word in enumerate(words)}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def windows(text, max_length=60, words=WORDS, stride=0, takes_over=False, task=TASK):
    tokenizer = tokenizer_of(words)
    (reading,) = WindowReader(
        tokenizer,
        max_length,
        task.too_long,
        stride,
        stand_ins=task.stand_ins(tokenizer),
        takes_over=takes_over,
    )([(text, None)])
    return reading.windows

"""A BERT tokenizer that takes words apart into letters, and questions for it."""

import string

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from bert_cpu.text.windows import WindowReader

LETTERS = "abcdefgh1中文上海在他"
_MARKS = ".,?!;，。？" + string.punctuation


def tokenizer():
    """WordPiece of single characters; of some words it knows two, or none at all."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = string.ascii_lowercase + string.digits + LETTERS + "नमसत"
    hangul = "\u1100\u1161\u11a8"  # What accents are stripped down to: its parts.
    for letter in dict.fromkeys(letters + _MARKS + hangul + "❤"):
        pieces += [letter, "##" + letter]
    pieces += ["ca", "##fe", "he", "##ad"]
    vocabulary = {piece: position for position, piece in enumerate(pieces)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return made


def read_windows(question, context, max_length, stride=0):
    """The windows that the context is read in, beside the whole question."""
    reader = WindowReader(tokenizer(), max_length, "text_pair", stride)
    (reading,) = reader([(question, context)])
    return reading.windows

"""From texts to token ids, many at a time."""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator

from transformers import BertTokenizerFast

from bert_cpu.data.example import Example
from bert_cpu.text.preprocess import Preprocess

# Enough texts that the tokenizer's threads have work, few enough to hold.
_BATCH_SIZE = 1000
# [CLS] and [SEP], and with a pair another [SEP].
_NUM_SPECIAL = {False: 2, True: 3}


@dataclasses.dataclass(frozen=True, slots=True)
class Features:
    """One example as BERT reads it."""

    example: Example
    input_ids: list[int]  # (length,)
    token_type_ids: list[int]  # (length,) 0 in the first text, 1 in the second.
    is_cut: bool  # The text was longer than `max_length`.

    @property
    def is_empty(self) -> bool:
        """Whether a text left no token beside the special ones."""
        num_special = _NUM_SPECIAL[self.example.text_pair is not None]
        return len(self.input_ids) <= num_special


class Featurizer:
    """Turns examples into features: preprocess, WordPiece, cut.

    Args:
        tokenizer: the encoder's. Its own settings are left as they are.
        max_length: int. Tokens in the longest sequence. Pairs are cut at the
            longer text first, as the original does.
        preprocess: what to do to a text before it is tokenized.
    """

    def __init__(
        self,
        tokenizer: BertTokenizerFast,
        max_length: int,
        preprocess: Preprocess | None = None,
    ):
        self._preprocess = preprocess or Preprocess()
        self._tokenizer = type(tokenizer.backend_tokenizer).from_str(
            tokenizer.backend_tokenizer.to_str()
        )
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length, strategy="longest_first")

    @property
    def tokenizer_sha256(self) -> str:
        """Tells two tokenizers apart: the digest of vocabulary and rules."""
        return hashlib.sha256(self._tokenizer.to_str().encode()).hexdigest()

    def __call__(self, examples: Iterable[Example]) -> Iterator[Features]:
        """Yields the features of each example, in order."""
        batch: list[Example] = []
        for example in examples:
            batch.append(example)
            if len(batch) == _BATCH_SIZE:
                yield from self._encode(batch)
                batch = []
        yield from self._encode(batch)

    def _encode(self, batch):
        inputs = [self._input_of(example) for example in batch]
        encodings = self._tokenizer.encode_batch_fast(inputs) if inputs else []
        for example, encoding in zip(batch, encodings, strict=True):
            is_cut = bool(encoding.overflowing)
            yield Features(example, encoding.ids, encoding.type_ids, is_cut)

    def _input_of(self, example):
        text = self._preprocess(example.text)
        if example.text_pair is None:
            return text
        return text, self._preprocess(example.text_pair)

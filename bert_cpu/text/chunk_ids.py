"""The tokens of texts, from a memory of the tokens between two spaces.

A tokenizer of BERT's kind never joins what a space parts: a text's tokens are those of
its chunks, one behind the other. Most chunks of a text have been met before.
"""

from collections.abc import Sequence

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from bert_cpu.text.chunk_memory import chunk_memory

# Chunks that are kept: some 20 MB. Then all are forgotten, and it begins anew.
_MOST_CHUNKS = 80_000
# A longer one (a text of a script without spaces) will hardly come again.
_LONGEST_KEPT = 64
# Share of characters in chunks that the tokenizer was asked for, from which remembering
# doesn't pay, and how many batches in a row must be so.
_POOR_SHARE = 0.5
_POOR_BATCHES = 3
# New chunks that are read as one text: many short texts take half as long again.
_READ_TOGETHER = 100


class ChunkIds:
    """Gives texts' ids without special tokens, exactly those that a tokenizer gives.

    Args:
        tokenizer: one that `parts_at_spaces`. It neither pads nor cuts.

    Attributes:
        pays: bool. False once so many chunks were new that the tokenizer alone would
            have been as fast.
    """

    def __init__(self, tokenizer: Tokenizer):
        self._tokenizer = tokenizer
        # A word of the tokenizer's own, which can be told again between others.
        added = tokenizer.get_added_tokens_decoder()
        self._between_id = min(added, default=None)
        self._between = ""
        if self._between_id is not None:
            self._between = f" {added[self._between_id].content} "
        self._memory = chunk_memory(_MOST_CHUNKS, _LONGEST_KEPT, tokenizer)
        self._num_new = 0  # Characters in the new chunks of a batch.
        self._poor_batches = 0

    @property
    def pays(self) -> bool:
        return self._poor_batches < _POOR_BATCHES

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Reads many texts at once.

        Raises:
            UnicodeEncodeError, TypeError: if a text holds half of a surrogate pair.
        """
        read = self._memory.read(list(texts), self._learn)
        is_poor = self._num_new > _POOR_SHARE * sum(map(len, texts))
        self._poor_batches = self._poor_batches + 1 if is_poor else 0
        return read

    def _learn(self, chunks):
        self._num_new = sum(map(len, chunks))
        groups = [
            chunks[place : place + _READ_TOGETHER]
            for place in range(0, len(chunks), _READ_TOGETHER)
        ]
        if self._between_id is None:
            groups = [[chunk] for chunk in chunks]
        learned = []
        texts = map(self._between.join, groups)
        for group, ids in zip(groups, self._encode(list(texts)), strict=True):
            parts = list(_parts(ids, self._between_id))
            if len(parts) != len(group):  # A chunk has that word in it.
                parts = self._encode(group)
            learned += parts
        return learned

    def _encode(self, texts):
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]


def _parts(ids, between_id):
    start = 0
    for _ in range(ids.count(between_id)):
        end = ids.index(between_id, start)
        yield ids[start:end]
        start = end + 1
    yield ids[start:]


def parts_at_spaces(tokenizer: Tokenizer) -> bool:
    """Whether a text's tokens are those of its chunks between spaces, joined.

    It is so for the pipeline of BERT, with words of its own (such as [MASK]) that
    hold no white space and take none from beside them.
    """
    normalizer = tokenizer.normalizer
    return (
        isinstance(normalizer, normalizers.BertNormalizer)
        and normalizer.clean_text
        and isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
        and isinstance(tokenizer.model, models.WordPiece)
        and not any(
            map(_may_reach_over_spaces, tokenizer.get_added_tokens_decoder().values())
        )
    )


def _may_reach_over_spaces(added):
    return (
        any((added.single_word, added.lstrip, added.rstrip, added.normalized))
        or not added.content
        or any(letter.isspace() for letter in added.content)
    )

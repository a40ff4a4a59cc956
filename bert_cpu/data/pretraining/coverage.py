"""How much of a text a vocabulary knows."""

import collections
from collections.abc import Sequence

from tokenizers import Encoding, Tokenizer

from bert_cpu.errors import UserError
from bert_cpu.text.special_tokens import UNKNOWN

_SHOWN = 10


class Coverage:
    """Counts tokens, and those that a vocabulary has only [UNK] for.

    Args:
        tokenizer: BERT's, with an [UNK].

    Attributes:
        num_tokens, num_unknown: int, of all texts so far.
    """

    def __init__(self, tokenizer: Tokenizer):
        self.num_tokens = 0
        self.num_unknown = 0
        self._unknown_id = tokenizer.token_to_id(UNKNOWN)
        self._normalizer = tokenizer.normalizer
        pieces = (piece.removeprefix("##") for piece in tokenizer.get_vocab())
        self._known = {piece for piece in pieces if len(piece) == 1}
        self._characters: collections.Counter[str] = collections.Counter()

    @property
    def unknown_share(self) -> float:
        """Share of all tokens that are [UNK], in `[0, 1]`."""
        return self.num_unknown / max(1, self.num_tokens)

    def add(self, texts: Sequence[str], encodings: Sequence[Encoding]) -> None:
        """Counts the tokens of texts, without special ones."""
        for text, encoding in zip(texts, encodings, strict=True):
            ids = encoding.ids
            self.num_tokens += len(ids)
            if self._unknown_id not in ids:
                continue
            for token, (begin, end) in zip(ids, encoding.offsets, strict=True):
                if token == self._unknown_id:
                    self.num_unknown += 1
                    self._characters.update(self._unknown_of(text[begin:end]))

    def check(self, most_unknown: float) -> None:
        """Refuses a vocabulary that does not cover the texts.

        Args:
            most_unknown: float in `[0, 1]`. The largest share that is fine.

        Raises:
            UserError: with the share, and the most frequent unknown characters.
        """
        if self.unknown_share <= most_unknown:
            return
        characters = " ".join(c for c, _ in self._characters.most_common(_SHOWN))
        shown = f", most often for {characters}" if characters else ""
        raise UserError(
            f"{self.unknown_share:.1%} of all tokens are unknown to the vocabulary"
            f"{shown}, but {most_unknown:.1%} at most is useful. Ask for a larger "
            "--vocab-size of a new encoder, or choose an --encoder of this language."
        )

    def _unknown_of(self, word):
        if self._normalizer is not None:
            word = self._normalizer.normalize_str(word)
        return [c for c in word if c not in self._known and not c.isspace()]

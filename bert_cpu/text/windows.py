"""From texts to windows of tokens: the same for training and for answering."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from tokenizers import Encoding, Tokenizer, normalizers

from bert_cpu.errors import Unanswerable, UserError

Pair = tuple[str, str | None]

# A share of unknown tokens that is worth a line.
TOLD_UNKNOWN = 0.1


@dataclasses.dataclass(slots=True)
class Reading:
    """The tokens of an example."""

    windows: list[Encoding]
    is_cut: bool  # Something of the texts is in no window.
    apart: Encoding | None = None  # Of a second text that is read by itself.

    @property
    def sequences(self) -> list[Encoding]:
        """All that the model reads of it."""
        return self.windows if self.apart is None else [*self.windows, self.apart]

    @property
    def is_empty(self) -> bool:
        """Whether a text left no token beside the special ones."""
        # [CLS], and a [SEP] behind each text.
        return any(len(each) <= each.n_sequences + 1 for each in self.sequences)


def tokenizer_sha256(tokenizer: Tokenizer) -> str:
    """Tells two tokenizers apart: the digest of vocabulary and rules."""
    return hashlib.sha256(as_uncut(tokenizer).to_str().encode()).hexdigest()


def as_uncut(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer itself if it neither pads nor cuts, else a copy; not to be changed.

    Making a copy takes as long as reading a thousand texts.
    """
    is_uncut = tokenizer.padding is None and tokenizer.truncation is None
    return tokenizer if is_uncut else uncut(tokenizer)


def uncut(tokenizer: Tokenizer) -> Tokenizer:
    """A copy that neither pads nor cuts."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_padding()
    copy.no_truncation()
    return copy


class WindowReader:
    """Tokenizes texts, and lays windows over those that are too long.

    Args:
        tokenizer: of the encoder. It is left as it is, unless `takes_over`.
        max_length: int. Tokens in a window, special ones included.
        too_long: "cut" leaves the end out (of a pair, the longer text first);
            "text" and "text_pair" lay windows over the only or the second text. A
            first text beside it is cut to half a window.
        stride: int. Tokens that neighbouring windows share.
        reads_apart: whether the texts of a pair are two sequences.
        clean: what is done to a text first.
        stand_ins: what is read in place of pieces of a text, in this order. The
            places of tokens are still those in the text.
        takes_over: use the tokenizer itself and not a copy, which takes longer to
            make than a text takes to answer.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_length: int,
        too_long: Literal["cut", "text", "text_pair"] = "cut",
        stride: int = 0,
        reads_apart: bool = False,
        clean: Callable[[str], str] = str,
        stand_ins: Mapping[str, str] | None = None,
        takes_over: bool = False,
    ):
        self._tokenizer = tokenizer if takes_over else uncut(tokenizer)
        _exchange(self._tokenizer, stand_ins or {})
        self._whole = self._tokenizer
        if too_long == "text_pair":
            # Tells how long first texts are as a whole.
            self._whole = uncut(self._tokenizer)
        self._tokenizer.no_padding()
        self._too_long = too_long
        self._reads_apart = reads_apart
        self._clean = clean
        # Half of what [CLS] and two [SEP] leave.
        self._most_of_first = (max_length - 3) // 2
        if too_long == "cut":
            self._tokenizer.enable_truncation(max_length, strategy="longest_first")
        else:
            num_special = 2 if too_long == "text" else 3 + self._most_of_first
            most = max_length - num_special - 1
            if stride > most:
                raise UserError(
                    f"--stride is {stride}, but windows of --max-length {max_length} "
                    f"can share at most {most} tokens. Choose a smaller stride or "
                    "longer windows."
                )
            strategy = "only_first" if too_long == "text" else "only_second"
            self._tokenizer.enable_truncation(
                max_length, stride=stride, strategy=strategy
            )

    def __call__(self, pairs: Sequence[Pair]) -> list[Reading]:
        """Reads many texts (and second texts, or None) at once.

        Raises:
            Unanswerable: if a text holds half of a surrogate pair.
        """
        cleaned = [
            (self._clean(text), None if pair is None else self._clean(pair))
            for text, pair in pairs
        ]
        try:
            if self._reads_apart:
                return self._read_apart(cleaned)
            are_cut = [False] * len(cleaned)
            if self._too_long == "text_pair":
                cleaned, are_cut = self._cut_first(cleaned)
            encodings = self._encode(
                [text if pair is None else (text, pair) for text, pair in cleaned]
            )
        except (UnicodeEncodeError, TypeError):
            raise Unanswerable(
                "A text holds half of a surrogate pair, which is not Unicode. Read "
                "the file as UTF-8."
            ) from None
        if self._too_long == "cut":
            return [Reading([each], bool(each.overflowing)) for each in encodings]
        return [
            Reading([each, *each.overflowing], is_cut)
            for each, is_cut in zip(encodings, are_cut, strict=True)
        ]

    def _encode(self, texts):
        if self._too_long == "cut":
            # A quarter faster, but without the places of tokens in the text.
            return self._tokenizer.encode_batch_fast(texts) if texts else []
        return self._tokenizer.encode_batch(texts) if texts else []

    def _read_apart(self, pairs):
        firsts = self._encode([text for text, _ in pairs])
        seconds = iter(self._encode([pair for _, pair in pairs if pair is not None]))
        readings = []
        for first, (_, pair) in zip(firsts, pairs, strict=True):
            second = None if pair is None else next(seconds)
            is_cut = bool(first.overflowing or (second and second.overflowing))
            readings.append(Reading([first], is_cut, second))
        return readings

    def _cut_first(self, pairs):
        """Cuts first texts behind their last character whose tokens fit.

        Returns:
            The pairs, and of each whether it was cut.
        """
        pairs_left, are_cut = [], []
        firsts = self._whole.encode_batch([text for text, _ in pairs])
        for (text, pair), encoding in zip(pairs, firsts, strict=True):
            places = [
                offsets
                for offsets, sequence in zip(
                    encoding.offsets, encoding.sequence_ids, strict=True
                )
                if sequence is not None
            ]
            is_cut = len(places) > self._most_of_first
            if is_cut:
                (_, end), (next_start, _) = places[self._most_of_first - 1 :][:2]
                # A Korean syllable is several tokens in one place: all or none.
                text = text[: min(end, next_start)]
            pairs_left.append((text, pair))
            are_cut.append(is_cut)
        return pairs_left, are_cut


def _exchange(tokenizer, stand_ins):
    """Lets a tokenizer read something else; it keeps count of the places itself."""
    if stand_ins:
        own = [] if tokenizer.normalizer is None else [tokenizer.normalizer]
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Replace(*pair) for pair in stand_ins.items()] + own
        )

"""A WordPiece vocabulary of one's own texts."""

import collections
from collections.abc import Iterable, Iterator

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import BertTokenizerFast

from bert_cpu.errors import UserError
from bert_cpu.text.special_tokens import SPECIAL_TOKENS, UNKNOWN

# BERT's own, and room for words that a later user adds.
_RESERVED = [*SPECIAL_TOKENS, *(f"[unused{number}]" for number in range(10))]
# A longer word is unknown to BERT's tokenizer, whatever its pieces.
_LONGEST_WORD = 100
# Repeats of a word in one text for the trainer, so that none is too long.
_REPEATS = 1000


def train_vocabulary(
    texts: Iterable[str],
    vocab_size: int,
    lowercase: bool = True,
    min_count: int = 2,
) -> BertTokenizerFast:
    """Finds the pieces that texts are best written with.

    BERT's rules cut texts into words first, and there each Chinese character is a
    word. So Chinese gets a vocabulary of characters, and Latin words among them get
    pieces. The same texts give the same vocabulary, in any order.

    Args:
        texts: read once. The counts of their words are held in memory.
        vocab_size: int. Most pieces, with 15 special and unused ones. Rare
            characters are left out where they would not fit.
        lowercase: bool. Whether letters lose their case and accents, here and in
            all that the tokenizer reads.
        min_count: int. How often a character or piece must be there.

    Returns:
        BertTokenizerFast. [PAD] is 0, and [UNK], [CLS], [SEP] and [MASK] follow.

    Raises:
        UserError: if `vocab_size` leaves no room for a piece.

    Reference: Wu et al. 2016, https://arxiv.org/abs/1609.08144, section 4.1; the
    `tokenizers` library chooses pieces as byte pair encoding does, by their count.
    """
    if vocab_size <= len(_RESERVED):
        raise UserError(
            f"--vocab-size is {vocab_size}, but {len(_RESERVED)} places are taken by "
            "special pieces. Ask for a few thousand."
        )
    reserved = {word: number for number, word in enumerate(_RESERVED)}
    rules = BertTokenizerFast(vocab=reserved, do_lower_case=lowercase)
    word_counts = _count_words(texts, rules.backend_tokenizer)
    letters, continuations = _choose_characters(
        word_counts, vocab_size - len(_RESERVED), min_count
    )
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        min_frequency=min_count,
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        # Pieces of one letter too: the trainer would number them in the order of a
        # hash table, another one each time, and break ties between merges by it.
        special_tokens=[*_RESERVED, *continuations],
        show_progress=False,
    )
    words = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.train_from_iterator(_repeat(word_counts), trainer)
    return BertTokenizerFast(vocab=words.get_vocab(), do_lower_case=lowercase)


def _count_words(texts, rules):
    counts: collections.Counter[str] = collections.Counter()
    for text in texts:
        normalized = rules.normalizer.normalize_str(text)
        words = rules.pre_tokenizer.pre_tokenize_str(normalized)
        counts.update(word for word, _ in words if len(word) <= _LONGEST_WORD)
    return counts


def _choose_characters(word_counts, room, min_count):
    """The most frequent characters, and those of them that go on a word as "##x"."""
    counts: collections.Counter[str] = collections.Counter()
    continuing: set[str] = set()
    for word, count in word_counts.items():
        for character in word:
            counts[character] += count
        continuing.update(word[1:])
    chosen = []
    for character, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair)):
        room -= 1 + (character in continuing)
        if count < min_count or room < 0:
            break
        chosen.append(character)
    return sorted(chosen), [f"##{c}" for c in sorted(continuing.intersection(chosen))]


def _repeat(word_counts: dict[str, int]) -> Iterator[str]:
    """Texts in which each word is as often as it was counted."""
    for word, count in word_counts.items():
        for done in range(0, count, _REPEATS):
            yield " ".join([word] * min(_REPEATS, count - done))

"""How much of an answer is right, as SQuAD counts it, in English and Chinese."""

import collections
import re
import string
import unicodedata
from collections.abc import Sequence

# A Han character, by the blocks that BERT's own tokenizer takes apart.
_HAN = re.compile(
    "([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002ceaf\U0002f800-\U0002fa1f])"
)
_ARTICLE = re.compile(r"\b(a|an|the)\b")


def squad_score(
    answer: str, truths: Sequence[str], question: str = ""
) -> tuple[float, float]:
    """Compares an answer with the right ones, and takes the best of each score.

    Both are lower-cased and lose their punctuation. English is then compared word
    by word, without articles. Chinese, which is so when the question or a right
    answer has a Han character, is compared character by character, and words of
    Latin letters or digits between them as words.

    Args:
        answer: str. Empty: there is no answer.
        truths: right answers. None, or none that leaves a word: there is no answer.
        question: tells the language.

    Returns:
        F1 of the words or characters in common, and whether all are the same in
        the same order (1.0 or 0.0).

    References: Rajpurkar et al. 2018, https://arxiv.org/abs/1806.03822; for
    Chinese, Lewis et al. 2019 (MLQA), https://arxiv.org/abs/1910.07475.
    """
    split = _characters if _HAN.search("".join([question, *truths])) else _words
    said = split(answer)
    right = [tokens for tokens in map(split, truths) if tokens] or [[]]
    f1 = max(_f1(said, tokens) for tokens in right)
    return f1, float(said in right)


def _words(text: str) -> list[str]:
    # Only ASCII's punctuation, as in the original.
    text = "".join(each for each in text.lower() if each not in string.punctuation)
    return _ARTICLE.sub(" ", text).split()


def _characters(text: str) -> list[str]:
    kept = (
        each
        for each in text.lower()
        if each not in string.punctuation and unicodedata.category(each)[0] != "P"
    )
    return _HAN.sub(r" \1 ", "".join(kept)).split()


def _f1(said: list[str], right: list[str]) -> float:
    if not said or not right:
        return float(said == right)
    common = (collections.Counter(said) & collections.Counter(right)).total()
    # Twice precision times recall by their sum, with less division.
    return 2 * common / (len(said) + len(right))

"""Words that say little alone (the, of; 的, 在), left out."""

import functools
import re
from typing import Literal

from bert_cpu.text.segment_chinese import segment_chinese

# A word with the white space before it, so that what stays keeps its own.
_ENGLISH_WORD = re.compile(r"\s*(\w+(?:['’]\w+)*)")
_WORD = re.compile(r"\w")


def remove_stop_words(text: str, language: Literal["english", "chinese"]) -> str:
    """Leaves out the stop words of a language, and keeps all punctuation.

    The lists are those of stopwords-iso. They are long (1,298 English words,
    "not" among them): made for search, they can cost a sentiment its sign.

    Args:
        text: str of any length.
        language: english: words in any case, between white space and
            punctuation. chinese: words as jieba cuts them.

    Returns:
        str. `text` itself where no word would be left.

    Example:
    >>> remove_stop_words("The film was a quiet, lovely one.", "english")
    'film quiet, lovely.'
    """
    remove = {"english": _remove_english, "chinese": _remove_chinese}[language]
    kept = remove(text)
    return kept if _WORD.search(kept) else text


def _remove_english(text: str) -> str:
    stop_words = _stop_words("en")

    def keep(match: re.Match) -> str:
        word = match[1].casefold().replace("’", "'")
        return "" if word in stop_words else match[0]

    return _ENGLISH_WORD.sub(keep, text).strip()


def _remove_chinese(text: str) -> str:
    stop_words = _stop_words("zh")
    words = segment_chinese(text)
    # The Chinese list has punctuation in it, which is kept here as in English.
    kept = (word for word in words if word not in stop_words or not _WORD.search(word))
    return "".join(kept).strip()


@functools.cache
def _stop_words(code: str) -> frozenset[str]:
    import stopwordsiso

    return frozenset(stopwordsiso.stopwords(code))

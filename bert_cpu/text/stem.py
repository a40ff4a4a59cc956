"""Words cut to what they share with their other forms."""

import functools
import re
from typing import Literal

from bert_cpu.text.segment_chinese import tag_chinese

_ENGLISH_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_WORD = re.compile(r"\w")
# ICTCLAS tags: u auxiliary (的 得 地 了 着 过), y modal (吗 呢 吧), k suffix (们).
_CHINESE_ENDINGS = ("u", "y", "k")


def stem(text: str, language: Literal["english", "chinese"]) -> str:
    """Cuts words to their stems, and keeps all that is no word.

    English goes by the Snowball rules: "films" and "filming" become "film".
    A stem need not be a word ("lovely" becomes "love", "movies" "movi"), and
    is in lower case.

    Chinese words have no inflection, so there is no stem to cut to. What comes
    nearest are the little words that English would write as endings: jieba
    tags each word, and aspect particles (了 着 过), structural auxiliaries (的
    地 得), modal particles (吗 呢 吧) and suffixes (们) are left out. This is
    light stemming: 孩子们吃了饭 becomes 孩子吃饭. A particle that the
    dictionary holds as part of a word (人们, 看着) stays.

    Args:
        text: str of any length.
        language: whose rules to go by.

    Returns:
        str. `text` itself where no word would be left.

    Reference: Porter 2001, "Snowball: a language for stemming algorithms".
    """
    cut = {"english": _stem_english, "chinese": _stem_chinese}[language](text)
    return cut if _WORD.search(cut) else text


def _stem_english(text: str) -> str:
    return _ENGLISH_WORD.sub(lambda match: _english_stem(match[0].lower()), text)


@functools.lru_cache(maxsize=1 << 16)
def _english_stem(word: str) -> str:
    import snowballstemmer

    # A stemmer holds the word that it works on, so threads can't share one.
    return snowballstemmer.stemmer("english").stemWord(word.replace("’", "'"))


def _stem_chinese(text: str) -> str:
    words = tag_chinese(text)
    kept = (word for word, tag in words if not tag.startswith(_CHINESE_ENDINGS))
    return "".join(kept).strip()

"""Where Chinese words begin and end, by jieba, without its shared cache file.

jieba keeps its dictionary as a marshal file of a fixed name in the temporary
directory, and loads whatever it finds there: another user of the machine could
have put it there. So the dictionary is read from jieba's own package, in every
process that needs it (about a second). The segmenter is ours alone, too: words
that a program adds to jieba's shared one do not change what a model reads.
"""

import functools
import logging
import warnings
from typing import Any


def segment_chinese(text: str) -> list[str]:
    """Cuts a text into words; joined, they are the text again.

    Example:
    >>> segment_chinese("他们很高兴。")
    ['他们', '很', '高兴', '。']
    """
    return _tokenizer().lcut(text)


def tag_chinese(text: str) -> list[tuple[str, str]]:
    """Cuts a text into words with ICTCLAS part-of-speech tags.

    Example:
    >>> tag_chinese("孩子们吃了苹果")
    [('孩子', 'n'), ('们', 'k'), ('吃', 'v'), ('了', 'ul'), ('苹果', 'n')]
    """
    return [(pair.word, pair.flag) for pair in _tagger().lcut(text)]


@functools.cache
def _tokenizer() -> Any:
    with warnings.catch_warnings():
        # jieba asks for `pkg_resources`, which is deprecated, and has escapes
        # in plain strings: nothing that our user could mend.
        warnings.simplefilter("ignore")
        import jieba

    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    # What `initialize()` does, but for the cache file.
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


@functools.cache
def _tagger() -> Any:
    tokenizer = _tokenizer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba.posseg

    return jieba.posseg.POSTokenizer(tokenizer)

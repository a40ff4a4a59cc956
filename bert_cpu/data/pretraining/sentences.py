"""Where sentences end, in English, Chinese, and texts that mix them."""

import re

from sentencex import segment

_HAN = re.compile("[\u3400-\u9fff]")


def split_sentences(text: str) -> list[str]:
    """Splits a text after each sentence.

    sentencex knows the marks that end one (. ! ? 。 ！ ？), the quotes that may
    follow, and the abbreviations and numbers that have a mark within. In doubt
    it does not split: two sentences in one do less harm than a half.

    Args:
        text: str of any length.

    Returns:
        list of str, none of them blank, without white space around them.

    Example:
    >>> split_sentences("Dr. Li smiled. 他说：“好。”我们走了。")
    ['Dr. Li smiled.', '他说：“好。”', '我们走了。']
    """
    language = "zh" if _HAN.search(text) else "en"
    sentences = (sentence.strip() for sentence in segment(language, text))
    return [sentence for sentence in sentences if sentence]

"""Which characters are words by themselves."""

import re

# Chinese characters, and the punctuation among them. Not wide letters and digits,
# nor kana: a tokenizer that reads words at spaces would take two of those for one.
_CHINESE = re.compile(
    "[\u3001-\u3003\u3008-\u3020\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\U00020000-\U0002ceaf]"
)


def is_chinese(character: str) -> bool:
    """Whether it is a Chinese character, or punctuation as it stands among them."""
    return _CHINESE.match(character) is not None

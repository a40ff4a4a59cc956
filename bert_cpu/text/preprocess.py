"""What is done to every text before the tokenizer, in training and in serving.

All of it is off by default: BERT was pre-trained on raw text, and reads it best.
"""

import dataclasses
from typing import get_args

from bert_cpu.errors import UserError
from bert_cpu.settings import Language
from bert_cpu.text.normalize import normalize
from bert_cpu.text.stem import stem
from bert_cpu.text.stop_words import remove_stop_words


@dataclasses.dataclass(frozen=True)
class Preprocess:
    """A function from text to text, the same wherever a model goes.

    The steps run in the order of the fields. None of them empties a text: where
    nothing would be left, a step leaves the text as it was.

    Args:
        normalize: bool. Unicode NFKC, control characters out, spaces collapsed.
        stop_words: none, english or chinese. Leave out that language's.
        stem: none, english or chinese. Cut words by that language's rules.

    Call arguments:
        text: str.

    Raises:
        UserError: if a field has a value that it can't have, as one read from
            a damaged bundle may.

    Example:
    >>> Preprocess(normalize=True, stem="english")("Ｑｕｉｅｔ   films")
    'quiet film'
    """

    normalize: bool = False
    stop_words: Language = "none"
    stem: Language = "none"

    def __post_init__(self):
        _expect("normalize", self.normalize, (False, True))
        _expect("stop_words", self.stop_words, get_args(Language))
        _expect("stem", self.stem, get_args(Language))

    @property
    def is_identity(self) -> bool:
        """Whether every text stays exactly as it is."""
        return self == Preprocess()

    def __call__(self, text: str) -> str:
        if self.normalize:
            text = normalize(text)
        if self.stop_words != "none":
            text = remove_stop_words(text, self.stop_words)
        if self.stem != "none":
            text = stem(text, self.stem)
        return text

    def to_dict(self) -> dict[str, bool | str]:
        """The fields as JSON holds them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, bool | str]) -> "Preprocess":
        """Reads what `to_dict` wrote.

        Raises:
            UserError: if `fields` is not a dict of exactly these fields.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(fields, dict) or sorted(fields) != sorted(names):
            raise UserError(
                f"`preprocess` is {fields!r}, but must have exactly the fields "
                f"{', '.join(names)}. Export the model again."
            )
        return cls(**fields)  # type: ignore[arg-type]  # __post_init__ checks


def _expect(name: str, value: object, expected: tuple) -> None:
    # By type too: JSON's 1 equals True, and a list is in no tuple of strings.
    if not any(type(value) is type(good) and value == good for good in expected):
        raise UserError(
            f"`{name}` of `preprocess` is {value!r}, but must be one of "
            f"{', '.join(map(str, expected))}. Export the model again."
        )

"""What every source gives, whatever its file looked like."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """A raw text (or a pair of them) with its label.

    Args:
        text: str, as written. May be empty.
        text_pair: str or None. The second text, of data sets that have pairs.
        label: str, as written, or the name of a TFDS class.
        position: str. Where it stands, for messages: "reviews.csv line 12".
    """

    text: str
    text_pair: str | None
    label: str
    position: str

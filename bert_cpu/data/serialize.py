"""Examples to the bytes of records."""

import operator
from collections.abc import Mapping

from bert_cpu.data.features import Features
from bert_cpu.data.framed_example import framed_example, in_order
from bert_cpu.data.stored_example import to_json
from bert_cpu.target import Target

_KINDS = {
    ("int32", False): "i",
    ("int32", True): "I",
    ("float32", False): "f",
    ("float32", True): "F",
}


class Serializer:
    """Makes the records of examples, as they stand in a TFRecord file.

    Args:
        targets: of the task, by name.
    """

    def __init__(self, targets: Mapping[str, Target]):
        kinds = {"input_ids": "I", "token_type_ids": "I", "example": "t"}
        for name, target in targets.items():
            kinds[name] = _KINDS[target.dtype, target.is_list]
        self._names = tuple(in_order(list(kinds)))
        self._kinds = "".join(kinds[name] for name in self._names)
        self._values_of = operator.itemgetter(*self._names)

    def __call__(self, features: Features) -> list[bytes]:
        """A record for each window of an example; the first one keeps its texts.

        They stay together, one behind the other.

        Raises:
            OverflowError, TypeError, UnicodeEncodeError, ValueError: as
                `plain_framed_example`.
        """
        records = []
        kept = to_json(features.example)
        for window in features.windows:
            fields = {
                "input_ids": window.input_ids,
                "token_type_ids": window.token_type_ids,
                "example": kept,
                **window.targets,
            }
            values = self._values_of(fields)
            records.append(framed_example(self._names, self._kinds, values))
            kept = ""
        return records

"""Texts that a model can't read well are not answered without a word."""

import sys

from bert_cpu.runtime.tflite_model import TFLiteModel
from bert_cpu.text.windows import TOLD_UNKNOWN


def tell_unknown(model: TFLiteModel) -> None:
    """Says on standard error if the vocabulary knows little of the texts so far.

    Args:
        model: that has read them.
    """
    share = model.num_unknown / max(1, model.num_tokens)
    if share >= TOLD_UNKNOWN:
        print(
            f"{share:.1%} of the texts' tokens are unknown to the model's vocabulary",
            file=sys.stderr,
        )

"""Says what a run does without, because it was damaged."""

import pathlib

from bert_cpu.data.damage.left_out import QUARANTINE, read_left_out
from bert_cpu.training.screen import Screen


def tell_left_out(directory: pathlib.Path, screen: Screen) -> None:
    """Says how many records of a mended set are missing, and where their bytes are."""
    left_out = read_left_out(directory)
    if left_out.places:
        screen.say(
            f"Left out {left_out.records:,} records, {left_out.examples:,} examples, "
            f"because of {left_out.places:,} damaged places; what stood there is in "
            f"'{directory / QUARANTINE}'"
        )

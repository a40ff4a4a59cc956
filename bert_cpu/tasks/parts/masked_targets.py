"""Where masks are in the windows of a text, and what is learned from them."""

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Encoding

from bert_cpu.tasks.parts.hide_words import MOST_MASKS
from bert_cpu.text.special_tokens import MASK, UNKNOWN


def masked_targets(
    hidden: Sequence[str] | None, windows: Sequence[Encoding], ids: Mapping[str, int]
) -> list[dict[str, Any]] | None:
    """Makes the targets of `Fill`, with which a text can be made whole again.

    Args:
        hidden: the token behind each mask of the text, in order; None for a text as
            it was written, of which words are only to be hidden by chance.
        windows: the tokens of the text with its masks.
        ids: token -> id.

    Returns:
        For each window `masked_positions` and `masked_ids`, `MOST_MASKS` of each;
        `words`, the number of the word that each token is of; and `mask_id`. None
        if nothing was hidden, or no word can be.
    """
    if hidden is not None and not hidden:
        return None
    token_at = dict(zip(mask_places(windows), hidden or (), strict=True))
    targets: list[dict[str, Any]] = []
    for window in windows:
        tokens = list(window.tokens)
        positions = mask_positions(window)
        for position in positions:
            tokens[position] = token_at[window.offsets[position][0]]
        # Position 0 is [CLS], which is never hidden: it pads.
        padding = [0] * (MOST_MASKS - len(positions))
        targets.append(
            {
                "masked_positions": positions + padding,
                "masked_ids": [ids[tokens[each]] for each in positions] + padding,
                "words": _number_words(tokens, window.special_tokens_mask),
                "mask_id": ids[MASK],
            }
        )
    return targets if any(any(target["words"]) for target in targets) else None


def mask_positions(window: Encoding) -> list[int]:
    """Which tokens of a window are masks."""
    return [index for index, token in enumerate(window.tokens) if token == MASK]


def mask_places(windows: Sequence[Encoding]) -> list[int]:
    """Where masks begin in the text: each once, in order."""
    return sorted(
        {
            window.offsets[position][0]
            for window in windows
            for position in mask_positions(window)
        }
    )


def _number_words(tokens: Sequence[str], special_tokens_mask: list[int]) -> list[int]:
    """Words from 1; 0 is not to be hidden. Such are tokens that the vocabulary lacks,
    and what is left of a word that the window before has cut."""
    numbers = []
    number = 0
    for token, is_special in zip(tokens, special_tokens_mask, strict=True):
        is_word = not is_special and token != UNKNOWN
        number += is_word and not token.startswith("##")
        numbers.append(number if is_word else 0)
    return numbers

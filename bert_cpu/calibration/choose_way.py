"""Which of several ways to take: the default, unless another is surely faster."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

from bert_cpu.calibration.take_turns import Try

# Of medians: less is not worth being different from other machines.
MARGIN = 0.05
# Beyond the spread: so many of the rounds must agree.
AGREEING = 0.9
# Fewer could agree by chance.
LEAST_ROUNDS = 5


@dataclasses.dataclass(frozen=True)
class Choice:
    """What was chosen, and how each way compares with the default."""

    name: str
    # name -> how many times as fast as the default, the median over rounds.
    speedups: dict[str, float]
    # Rounds that were compared; with fewer than LEAST_ROUNDS the default stays.
    rounds: int


def choose_way(default: str, tries: Mapping[str, Sequence[Try]]) -> Choice:
    """Compares each way with the default, round by round.

    Another way is taken only if, against the default of the same round, it is
    faster by more than `MARGIN` in the median, faster in `AGREEING` of the rounds,
    and in no case (no length, say) slower in the median. So what is chosen is never
    slower than the default, as far as was measured.

    Args:
        default: the name of the way that is taken otherwise.
        tries: as `take_turns` returns them, `default` among them.

    Returns:
        Choice: of all that pass, the fastest.
    """
    rounds = len(tries[default])
    if rounds < LEAST_ROUNDS:
        return Choice(default, {}, rounds)
    chosen, speedups = default, {default: 1.0}
    for name, taken in tries.items():
        if name == default:
            continue
        by_case = [
            [before / after for before, after in zip(*pair, strict=True)]
            for pair in zip(tries[default], taken, strict=True)
        ]
        # The geometric mean gives every case the same say, long or short.
        by_round = [statistics.geometric_mean(ratios) for ratios in by_case]
        speedups[name] = statistics.median(by_round)
        is_faster = (
            speedups[name] > 1 + MARGIN
            and sum(ratio > 1 for ratio in by_round) >= AGREEING * rounds
            and all(statistics.median(case) >= 1 for case in zip(*by_case, strict=True))
        )
        if is_faster and speedups[name] > speedups[chosen]:
            chosen = name
    return Choice(chosen, speedups, rounds)

"""What two workers of one run must have in common, and have not."""

from collections.abc import Mapping

from bert_cpu.training.cluster.cluster import Cluster

_SHOWN = 16  # Characters of a value: enough to tell two hashes apart.


def difference(cluster: Cluster, facts: Mapping[int, Mapping[str, str]]) -> str | None:
    """Compares what workers say of themselves with what the chief says.

    Args:
        cluster: all of them.
        facts: worker -> (what it is about -> its value). The chief's is there.

    Returns:
        One line about the first worker that differs, and what to do; None if none.
    """
    expected = facts[0]
    for index in sorted(facts):
        found = facts[index]
        names = [
            name
            for name in sorted({*expected, *found})
            if expected.get(name) != found.get(name)
        ]
        if names:
            differing = "; ".join(
                f"{name} is {_show(found.get(name))}, not {_show(expected.get(name))}"
                for name in names[:5]
            )
            more = f"; and {len(names) - 5} more" if len(names) > 5 else ""
            return (
                f"{cluster.name_of(index)} differs from {cluster.name_of(0)}: "
                f"{differing}{more}. Start all workers with the same code, data and "
                "settings."
            )
    return None


def _show(value: str | None) -> str:
    if value is None:
        return "not known"
    plain = "".join(letter if letter.isprintable() else "?" for letter in value)
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…"

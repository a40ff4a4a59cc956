"""Of a damaged shard, the records of the texts that lost none of theirs."""

from collections.abc import Callable, Iterable, Iterator

from bert_cpu.data.damage.scan_records import Damage, Record


def whole_examples(
    found: Iterable[Record | Damage], begins: Callable[[bytes], bool]
) -> Iterator[Record]:
    """Leaves out texts of which a window may have been damaged.

    The windows of a text stand one behind the other, and only the first keeps the
    text. So the text before a damaged place may have lost its last windows, and
    windows behind it, up to the next first one, may have lost their text.

    Args:
        found: as `scan_records` gives it.
        begins: whether the data of a record are the first window of a text.

    Returns:
        Iterator of records, in order.
    """
    waiting: list[Record] = []
    has_text = False
    for each in found:
        if isinstance(each, Damage):
            waiting, has_text = [], False
        elif begins(each.data):
            yield from waiting
            waiting, has_text = [each], True
        elif has_text:
            waiting.append(each)
    yield from waiting

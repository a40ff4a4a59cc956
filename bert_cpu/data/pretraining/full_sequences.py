"""Documents one behind the other, packed full, without pairs."""

from collections.abc import Iterable, Iterator

import numpy as np

from bert_cpu.data.pretraining.packed import Packed
from bert_cpu.data.pretraining.tokenized import Document


def pack_full_sequences(
    documents: Iterable[Document], max_length: int, sep_id: int
) -> Iterator[Packed]:
    """Fills each sequence with the sentences that come next, across documents.

    Where another document begins, a [SEP] says so. A sentence that does not fit goes
    on in the next sequence: to keep sentences whole, as RoBERTa does, would leave a
    sixth of the places to padding where documents are as short as reviews. No token
    is lost, and only the last sequence is not full.

    Args:
        documents: each of sentences, int32 `(2, tokens)`.
        max_length: int, 4 or more. Tokens in a sequence with its [CLS] and [SEP].
        sep_id: int. Of [SEP].

    Returns:
        Iterator over Packed, of one segment each.

    Reference: Liu et al. 2019, https://arxiv.org/abs/1907.11692, section 4.2.
    """
    room = max_length - 2
    border = np.array([[sep_id], [1]], np.int32)
    held: list[np.ndarray] = []
    num_held = 0
    for document in documents:
        # At a sequence's end its own [SEP] is the border.
        if num_held == room - 1:
            yield Packed(np.concatenate(held, axis=1))
            held, num_held = [], 0
        if held:
            held.append(border)
            num_held += 1
        held += document
        num_held += sum(sentence.shape[1] for sentence in document)
        if num_held >= room:
            tokens = np.concatenate(held, axis=1)
            full = num_held - num_held % room
            for begin in range(0, full, room):
                yield Packed(tokens[:, begin : begin + room])
            num_held -= full
            held = [tokens[:, full:]] if num_held else []
    if held:
        yield Packed(np.concatenate(held, axis=1))

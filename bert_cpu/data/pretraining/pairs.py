"""Sentence pairs to tell neighbours from strangers, packed full."""

from collections.abc import Iterable, Iterator

import numpy as np

from bert_cpu.data.pretraining.packed import Packed
from bert_cpu.data.pretraining.tokenized import Document
from bert_cpu.errors import UserError

# Documents among which another one is drawn.
_BUFFER_SIZE = 10_000
# Of all sequences. Fine-tuning sees short ones, so pre-training shows some.
_SHORT_SHARE = 0.1


def pack_pairs(
    documents: Iterable[Document],
    max_length: int,
    seed: int,
    short_share: float = _SHORT_SHARE,
    buffer_size: int = _BUFFER_SIZE,
) -> Iterator[Packed]:
    """Packs documents into pairs of segments, half of them strangers.

    A segment is one or more sentences in a row. The second follows the first in
    its document, or is from another one; then what followed begins another pair.
    A sentence that is left alone at a document's end can only get a stranger, so
    none is given to others while strangers are more than half.

    Args:
        documents: each of sentences, int32 `(2, tokens)`.
        max_length: int, 5 or more. Tokens in a sequence with its [CLS] and both
            [SEP]; longer pairs are cut, by lot at either end.
        seed: int. Fixes the order of documents, and every choice.
        short_share: float. Share of sequences that aim for a shorter length.
        buffer_size: int, 2 or more. Documents in memory are twice as many at most.

    Returns:
        Iterator over Packed.

    Raises:
        UserError: if there is only one document.

    Reference: Devlin et al. 2018, https://arxiv.org/abs/1810.04805, appendix A.2.
    """
    random = np.random.default_rng(seed)
    room = max_length - 3
    surplus = 0  # Strangers so far, less neighbours.
    for buffer in _buffers(documents, buffer_size):
        if len(buffer) < 2:
            raise UserError(
                "Next sentences need two documents with text, but there is one. Give "
                "more documents, or leave out next sentences."
            )
        for index in random.permutation(len(buffer)):
            begin = 0
            while begin < len(buffer[index]):
                goal = room
                if random.random() < short_share:
                    goal = int(random.integers(2, room, endpoint=True))
                wants_stranger = surplus <= 0 and random.random() < 0.5
                first, second, is_random_next, begin = _pair_at(
                    buffer, index, begin, goal, wants_stranger, random
                )
                surplus += 1 if is_random_next else -1
                first, second = _cut(first, second, room, random)
                yield Packed(first, second, is_random_next)


def _buffers(documents, size):
    """Lists of `size` documents; the last is longer, so that none is of one."""
    buffer: list[Document] = []
    for document in documents:
        if len(buffer) == 2 * size:
            yield buffer[:size]
            buffer = buffer[size:]
        buffer.append(document)
    if buffer:
        yield buffer


def _pair_at(buffer, index, begin, goal, wants_stranger, random):
    """Two segments, whether they are strangers, and where the next pair begins."""
    document = buffer[index]
    end = _end_of(document, begin, goal)
    is_alone = end - begin == 1
    middle = begin + 1 if is_alone else int(random.integers(begin + 1, end))
    first = np.concatenate(document[begin:middle], axis=1)
    if not (is_alone or wants_stranger):
        return first, np.concatenate(document[middle:end], axis=1), False, end
    # Any of the others: those from `index` on are one further.
    other = int(random.integers(len(buffer) - 1))
    stranger = buffer[other + (other >= index)]
    start = int(random.integers(len(stranger)))
    stop = _end_of(stranger, start, goal - first.shape[1])
    return first, np.concatenate(stranger[start:stop], axis=1), True, middle


def _end_of(document, begin, goal):
    """Behind the sentence with which there are `goal` tokens; one at least."""
    num_tokens = 0
    for end in range(begin, len(document)):
        num_tokens += document[end].shape[1]
        if num_tokens >= goal:
            return end + 1
    return len(document)


def _cut(first, second, room, random):
    """Takes off the longer segment until both fit, then off either."""
    num_first, num_second = first.shape[1], second.shape[1]
    kept_first = min(num_first, max(room - num_second, room - room // 2))
    kept_second = min(num_second, room - kept_first)
    return _cut_to(first, kept_first, random), _cut_to(second, kept_second, random)


def _cut_to(segment, kept, random):
    # Each token that goes, goes at the front or the end by lot.
    front = int(random.binomial(segment.shape[1] - kept, 0.5))
    return segment[:, front : front + kept]

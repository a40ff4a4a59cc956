"""A piece: the records of a few thousand examples in a row, in one file."""

import collections
import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterator, Sequence

from tokenizers import Tokenizer

from bert_cpu import storage
from bert_cpu.data.features import Featurizer
from bert_cpu.data.lacks_label import lacks_label
from bert_cpu.data.pieces.plan import Plan
from bert_cpu.data.pieces.shard_of import shard_of
from bert_cpu.data.serialize import Serializer
from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.no_search_for_garbage import no_search_for_garbage
from bert_cpu.task import Task
from bert_cpu.text.preprocess import Preprocess


@dataclasses.dataclass(frozen=True)
class PieceInfo:
    """The counts of a piece, which add up to those of its split."""

    examples: int
    cut_texts: int
    empty_texts: int
    length_histogram: dict[int, int]  # Tokens in a window -> windows.
    label_counts: dict[str, int]
    shard_windows: list[int]  # For each shard, its records in this piece,
    shard_bytes: list[int]  # and how long they are. They stand in this order.
    sha256: str  # Of the file.
    unknown_tokens: int = 0
    unlabelled_texts: int = 0


class PieceWriter:
    """Turns examples into pieces. It can be sent to other processes.

    Args:
        plan: that all pieces follow.
        task: what is to be learned.
        tokenizer: the encoder's.
        unknown_id: of the token in place of what the vocabulary has no word for.
        directory: where pieces go.
    """

    def __init__(
        self,
        plan: Plan,
        task: Task,
        tokenizer: Tokenizer,
        unknown_id: int,
        directory: pathlib.Path,
    ):
        self._given = plan, task, tokenizer, unknown_id, directory
        self._featurizer: Featurizer | None = None

    def __reduce__(self):
        return PieceWriter, self._given

    def write(self, split: str, number: int, examples: Sequence[Example]) -> None:
        """Writes the piece with this number of a split.

        The description is the last file of a piece: where it is, the piece is whole.

        Raises:
            UserError: if an example can't be encoded, or the disk is full.
        """
        with no_search_for_garbage():
            self._write(split, number, examples)

    def _write(self, split, number, examples):
        plan, task, tokenizer, unknown_id, directory = self._given
        if self._featurizer is None:  # In the process that works, and once.
            self._featurizer = _make_featurizer(plan, task, tokenizer)
        labelled = [each for each in examples if not lacks_label(each, task)]
        posed = (task.pose(each, tokenizer) for each in labelled)
        shards: list[list[bytes]] = [[] for _ in plan.splits[split].files]
        lengths: collections.Counter[int] = collections.Counter()
        labels: collections.Counter[str] = collections.Counter()
        names = ("examples", "cut_texts", "empty_texts", "unknown_tokens")
        counts = dict.fromkeys(names, 0)
        first = number * plan.splits[split].piece_size
        serialize = Serializer(task.targets)
        for index, features in enumerate(self._featurizer(posed), start=first):
            counts["empty_texts"] += features.is_empty
            counts["cut_texts"] += features.is_cut
            if not features.windows:
                continue
            counts["examples"] += 1
            for window in features.windows:
                lengths[len(window.input_ids)] += 1
                unknown = window.input_ids.count(unknown_id)
                counts["unknown_tokens"] += unknown
            if task.has_labels:
                for label in task.label_names(features.example):
                    labels[label] += 1
            shard = shards[shard_of(index, len(shards))]
            shard.extend(serialize(features))
        path = piece_path(directory, split, number)
        # Waiting for the disk twice a piece took a sixth of all time. A killed process
        # leaves to the system what it wrote; of a power failure the digest tells.
        with storage.written_aside(path, is_flushed=False) as aside:
            digest = hashlib.sha256()
            with aside.open("wb") as file:
                for shard in shards:
                    content = b"".join(shard)
                    digest.update(content)
                    file.write(content)
        info = PieceInfo(
            **counts,
            unlabelled_texts=len(examples) - len(labelled),
            length_histogram=dict(sorted(lengths.items())),
            label_counts=dict(labels),
            shard_windows=[len(shard) for shard in shards],
            shard_bytes=[sum(map(len, shard)) for shard in shards],
            sha256=digest.hexdigest(),
        )
        storage.write_json(
            path.with_suffix(".json"), dataclasses.asdict(info), is_flushed=False
        )


def piece_path(directory: pathlib.Path, split: str, number: int) -> pathlib.Path:
    """The file of a piece; its description ends in `.json`."""
    return directory / f"{split}-{number:07d}.tfrecord"


def has_piece(directory: pathlib.Path, split: str, number: int) -> bool:
    """Whether a piece is there and whole."""
    return piece_path(directory, split, number).with_suffix(".json").is_file()


def read_piece_info(path: pathlib.Path) -> PieceInfo:
    """Reads the description of the piece in `path`.

    Raises:
        UserError: if it is not there, or not as it was written.
    """
    try:
        fields = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        lengths = {int(key): n for key, n in fields["length_histogram"].items()}
        return PieceInfo(**fields | {"length_histogram": lengths})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"'{path.with_suffix('.json')}' does not describe a piece of records "
            f"({type(error).__name__}). Prepare its part again."
        ) from error


def pieces_of_part(num_pieces: int, part: int, num_parts: int) -> range:
    """The numbers of the pieces that a part has, in a row."""
    return range(num_pieces * part // num_parts, num_pieces * (part + 1) // num_parts)


def all_pieces(plan: Plan, part: int, num_parts: int) -> Iterator[tuple[str, int]]:
    """The splits and numbers of all pieces of a part."""
    for split, planned in plan.splits.items():
        for number in pieces_of_part(planned.num_pieces, part, num_parts):
            yield split, number


def _make_featurizer(plan, task, tokenizer):
    names = task.answer_labels(plan.labels, tokenizer)
    return Featurizer(
        task,
        {name: index for index, name in enumerate(names)},
        tokenizer,
        plan.max_length,
        plan.stride,
        Preprocess.from_dict(plan.preprocess),
    )

"""What a directory of records holds: the contract between preparing and training."""

import dataclasses
import pathlib

from bert_cpu import storage
from bert_cpu.errors import UserError
from bert_cpu.target import Target

FORMAT = "bert_cpu.records"
FILE_NAME = "manifest.json"
_REMEDY = "Prepare the data again."


@dataclasses.dataclass(frozen=True)
class SplitInfo:
    """The counts of one split, and its files."""

    examples: int
    # What batches are made of: as many as examples, or more where a long text is
    # several windows.
    windows: int
    tokens: int  # Special tokens included.
    cut_texts: int  # Cut, or left out for it; see `Task.when_cut`.
    empty_texts: int  # Without a token of their own, left out.
    length_histogram: dict[int, int]  # Tokens in a window -> windows.
    label_counts: dict[str, int]
    shards: dict[str, dict]  # File name -> size and sha256.
    shard_windows: dict[str, int]  # File name -> windows in it.
    unknown_tokens: int = 0  # Those that the vocabulary has only [UNK] for.
    unlabelled_texts: int = 0  # Their source has no label for them: left out.

    @property
    def unknown_share(self) -> float:
        """Of all tokens but [CLS] and the last [SEP], those that are unknown."""
        own = self.tokens - 2 * self.windows
        return min(1.0, self.unknown_tokens / max(1, own))


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Everything that training must know of prepared data but the data.

    `fingerprint` tells two prepared sets apart: it is the SHA-256 of the
    manifest file, which holds the SHA-256 of every shard.
    """

    directory: pathlib.Path
    source: str
    task: str
    labels: tuple[str, ...]
    targets: dict[str, Target]  # What records keep beside the tokens.
    max_length: int
    stride: int
    text_pair: bool
    preprocess: dict
    tokenizer_sha256: str
    record_format: str
    splits: dict[str, SplitInfo]
    # The task's `reading_options`; none in sets from before there was a choice.
    reading: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        return storage.sha256_of(self.directory / FILE_NAME)


def save_manifest(manifest: Manifest) -> None:
    """Writes `manifest.json`, the last file of a prepared directory."""
    content = {"format": FORMAT, "version": 1, **dataclasses.asdict(manifest)}
    del content["directory"]
    if not manifest.reading:  # As before there was a choice.
        del content["reading"]
    storage.write_json(manifest.directory / FILE_NAME, content)


def load_manifest(directory: pathlib.Path) -> Manifest:
    """Reads what `save_manifest` wrote; `check_files` of it is the caller's.

    Raises:
        UserError: if it is missing, not JSON, of another format or version, or
            has other fields than were written.
    """
    content = storage.read_description(directory / FILE_NAME, FORMAT, _REMEDY)
    del content["format"], content["version"]
    try:
        splits = {
            name: _read_split(split) for name, split in content.pop("splits").items()
        }
        labels = tuple(content.pop("labels"))
        targets = {
            name: Target(**target) for name, target in content.pop("targets").items()
        }
        return Manifest(
            directory=directory,
            labels=labels,
            targets=targets,
            splits=splits,
            **content,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"'{directory / FILE_NAME}' has other fields than were written "
            f"({type(error).__name__}: {error}). {_REMEDY}"
        ) from error


def _read_split(fields):
    histogram = fields["length_histogram"].items()
    lengths = {int(length): count for length, count in histogram}
    return SplitInfo(**{**fields, "length_histogram": lengths})


def is_prepared(path: str) -> bool:
    """Whether `path` is a directory that holds prepared records."""
    return (pathlib.Path(path) / FILE_NAME).is_file()

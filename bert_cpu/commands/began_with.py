"""What a run was begun with, for a command line that goes on with it."""

import argparse
import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Sequence

from bert_cpu.settings import RunSettings
from bert_cpu.stored_settings import COMMANDS, load_settings
from bert_cpu.training.cluster.read_cluster import read_cluster


def began_with(arguments: Sequence[str]) -> RunSettings | None:
    """The settings that stand where `arguments` are silent, because of `--resume`.

    They are looked up before all is parsed: only so does a value that is typed count
    where it is the usual one, and is compared with the run's others.

    Args:
        arguments: what is behind the program's name.

    Returns:
        The run's settings, without those that each command says anew; None if there
        is no such run, or none is gone on with.

    Raises:
        UserError: if its `config.json` can't be read, or the surroundings name a
            cluster that can't be right.
    """
    if not arguments or arguments[0] not in COMMANDS:
        return None
    kind = COMMANDS[arguments[0]]
    typed = argparse.Namespace(resume=False)
    # The parser of all options says it if one of these has no value.
    with contextlib.suppress(argparse.ArgumentError):
        typed, _ = _parser(kind()).parse_known_args(arguments[1:])
    if not typed.resume or typed.overwrite:
        return None
    path = pathlib.Path(typed.runs_dir) / typed.name / "config.json"
    if not path.is_file():
        return None
    before = load_settings(path)
    if type(before) is not kind:
        return None
    is_in_cluster = typed.cluster or read_cluster(os.environ).num_workers > 1
    return dataclasses.replace(
        before,
        # It may have been moved since.
        name=typed.name,
        runs_dir=typed.runs_dir,
        # Which machines work together is no matter of the run's.
        cluster=None,
        index=None,
        workers=0 if is_in_cluster else before.workers,
        resume=False,
        overwrite=False,
    )


def _parser(defaults):
    parser = argparse.ArgumentParser(
        add_help=False, allow_abbrev=False, exit_on_error=False
    )
    parser.add_argument("--name", default=defaults.name)
    parser.add_argument("--runs-dir", "--runs_dir", default=defaults.runs_dir)
    parser.add_argument("--cluster")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--overwrite", action="store_true")
    return parser

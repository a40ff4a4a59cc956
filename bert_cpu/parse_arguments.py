"""The parser of all commands: it knows what may be typed, and says what is wrong."""

import contextlib
import dataclasses
import io
from collections.abc import Sequence
from typing import Any

import tyro

import bert_cpu
from bert_cpu.commands.began_with import began_with
from bert_cpu.commands.plain_mistake import plain_mistake
from bert_cpu.errors import UserError
from bert_cpu.subcommands import COMMANDS


def parse_arguments(arguments: Sequence[str]) -> Any:
    """The command that `arguments` mean, with its settings.

    Args:
        arguments: what is behind the program's name.

    Raises:
        UserError: if there is a mistake in them, in one line.
        SystemExit: with code 0, if help was asked for and has been printed.
    """
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return _settings_of(arguments)
    except SystemExit as leaving:
        if leaving.code in (0, None):
            raise
        raise UserError(_say_mistake(arguments)) from None


def _settings_of(arguments):
    before = began_with(arguments)
    if before is not None:
        kind = COMMANDS[arguments[0]]
        fields = {f.name: getattr(before, f.name) for f in dataclasses.fields(before)}
        # What was turned on may be typed again, so it has to be known, and so has its
        # opposite.
        return tyro.cli(
            kind,
            prog=f"bert-cpu {arguments[0]}",
            args=arguments[1:],
            default=kind(**fields),
        )
    return tyro.extras.subcommand_cli_from_dict(
        COMMANDS,
        prog="bert-cpu",
        description=bert_cpu.__doc__,
        args=arguments,
        config=(tyro.conf.FlagCreatePairsOff,),
    )


def _say_mistake(arguments):
    if arguments and arguments[0] not in COMMANDS and arguments[0][:1] != "-":
        return (
            f"There is no command '{arguments[0]}'. Choose one of "
            f"{', '.join(COMMANDS)}; see bert-cpu --help."
        )
    # The parser draws by what standard output is: colors on a terminal, other
    # frames where it is not UTF-8. Here it is a UTF-8 file, for `plain_mistake`.
    said = io.StringIO()
    nowhere = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with (
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(said),
        contextlib.suppress(SystemExit),
    ):
        _settings_of(arguments)
    command = [word for word in arguments[:1] if word in COMMANDS]
    see = " ".join(["bert-cpu", *command, "--help"])
    return f"{plain_mistake(said.getvalue())} See {see}."

"""Settings as a run's `config.json` keeps them."""

import dataclasses
import json
import pathlib

from bert_cpu.errors import UserError
from bert_cpu.pretrain_settings import PretrainSettings
from bert_cpu.settings import RunSettings, TrainSettings

# The command that a run's `config.json` names -> its settings.
COMMANDS: dict[str, type[RunSettings]] = {
    "train": TrainSettings,
    "pretrain": PretrainSettings,
}


def save_settings(settings: RunSettings, path: pathlib.Path) -> None:
    """Writes every field of `settings` to `path` as JSON."""
    command = next(name for name, kind in COMMANDS.items() if type(settings) is kind)
    content = {"command": command, **dataclasses.asdict(settings)}
    path.write_text(json.dumps(content, indent=2) + "\n")


def load_settings(path: pathlib.Path) -> RunSettings:
    """Reads what `save_settings` wrote.

    Raises:
        UserError: if `path` is not JSON, or has a field that is not known or
            has a value that it can't have.
    """
    try:
        content = json.loads(path.read_text())
        kind = COMMANDS[content["command"]]
        del content["command"]
        return kind(**content)
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise UserError(
            f"'{path}' does not hold the settings of a run ({error}). Train "
            "again with --overwrite."
        ) from error

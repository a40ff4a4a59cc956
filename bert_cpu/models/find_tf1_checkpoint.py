"""Finds one of Google's original checkpoints, without what reads it."""

import pathlib

from bert_cpu.errors import UserError

CONFIG_NAME = "bert_config.json"


def find_tf1_checkpoint(directory: pathlib.Path) -> pathlib.Path | None:
    """The prefix of the checkpoint's files, or None if there is none.

    Args:
        directory: searched for `bert_config.json` and `*.ckpt*.index`. Safetensors
            beside them are the ones to read.

    Raises:
        UserError: if there are several checkpoints, none of them `bert_model.ckpt`.
    """
    has_config = (directory / CONFIG_NAME).is_file()
    if not has_config or (directory / "model.safetensors").is_file():
        return None
    found = sorted(path.with_suffix("") for path in directory.glob("*.ckpt*.index"))
    named = [prefix for prefix in found if prefix.name == "bert_model.ckpt"]
    if len(found) > 1 and not named:
        names = ", ".join(prefix.name for prefix in found)
        raise UserError(
            f"'{directory}' holds {len(found)} checkpoints ({names}), but one was "
            "expected. Leave one there, or name it bert_model.ckpt."
        )
    return next(iter(named or found), None)

"""Finds the file that says which sizes a checkpoint's encoder has."""

import pathlib

from bert_cpu.models.find_tf1_checkpoint import CONFIG_NAME, find_tf1_checkpoint


def find_encoder_config(directory: pathlib.Path) -> pathlib.Path:
    """The `bert_config.json` of one of Google's checkpoints, else `config.json`.

    Args:
        directory: of the checkpoint. The file may not be there.

    Raises:
        UserError: as `find_tf1_checkpoint`.
    """
    is_tf1 = find_tf1_checkpoint(directory) is not None
    return directory / (CONFIG_NAME if is_tf1 else "config.json")

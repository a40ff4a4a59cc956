"""Begins to read a converted model before what runs it has been imported."""

import json
import os
import pathlib

from bert_cpu.runtime.read_ahead import ReadAhead


def begin_reading(
    directory: str | os.PathLike[str], variant: str | None, refuses_int8: bool
) -> ReadAhead | None:
    """Begins with the file that `open_model` will most probably open.

    It checks nothing and says nothing: that is the work of `open_model`, which
    doesn't take a file that it didn't choose.

    Args:
        directory, variant: see `open_model`.
        refuses_int8: see `Answering`.

    Returns:
        The reading; None if no file looks like the one.
    """
    directory = pathlib.Path(directory)
    for place in (directory, directory / "tflite"):
        try:
            description = json.loads((place / "model.json").read_bytes())
            if variant is None and refuses_int8 and (place / "float32.tflite").exists():
                variant = "float32"
            file = f"{variant or description['chosen']}.tflite"
            size = description["files"][file]["size"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return ReadAhead(place / file, size) if (place / file).is_file() else None
    return None

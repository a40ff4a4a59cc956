"""`bert-cpu hardware`: what this computer has, and what will be used of it."""

import json
import pathlib

from bert_cpu.data.minilm import minilm_directory
from bert_cpu.errors import UserError
from bert_cpu.hardware.cpu import read_hardware
from bert_cpu.hardware.describe import describe_hardware, hardware_json
from bert_cpu.hardware.encoder_shape import read_encoder_shape
from bert_cpu.hardware.fit import fit_model
from bert_cpu.hardware.profile import choose_profile


def run(
    encoder: str | None,
    batch_size: int,
    max_length: int,
    dtype: str,
    threads: int,
    workers: int,
    as_json: bool,
) -> int:
    """Prints it, and whether an encoder fits.

    Returns:
        The exit code.

    Raises:
        UserError: if the encoder is no directory with a BERT's `config.json`.
    """
    hardware = read_hardware()
    profile = choose_profile(hardware, dtype, threads, workers)
    fits = None
    if encoder is not None:
        directory = minilm_directory() if encoder == "minilm" else encoder
        path = pathlib.Path(directory) / "config.json"
        if not path.is_file():
            raise UserError(
                f"--encoder '{encoder}' has no config.json. Give minilm, or the "
                "directory of a BERT checkpoint."
            )
        shape = read_encoder_shape(path)
        fits = fit_model(encoder, shape, profile, batch_size, max_length)
    if as_json:
        print(json.dumps(hardware_json(hardware, profile, fits), indent=2))
    else:
        print(describe_hardware(hardware, profile, fits))
    return 0

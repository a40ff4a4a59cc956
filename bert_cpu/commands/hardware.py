"""`bert-cpu hardware`: what this computer has, and what will be used of it."""

import dataclasses
import errno
import importlib.util
import json
import os
import pathlib
import sys
import tempfile

from bert_cpu.data.cache import cache_dir, storage_errors
from bert_cpu.data.minilm import minilm_directory
from bert_cpu.errors import UserError
from bert_cpu.hardware.answering import choose_answering
from bert_cpu.hardware.cpu import Hardware, read_hardware
from bert_cpu.hardware.describe import describe_hardware, hardware_json
from bert_cpu.hardware.describe_tuned import describe_tuned
from bert_cpu.hardware.encoder_shape import EncoderShape, read_encoder_shape
from bert_cpu.hardware.find_tuned_profile import find_tuned_profile
from bert_cpu.hardware.fit import fit_model
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.hardware.tuned_profile_location import tuned_profile_location
from bert_cpu.models.find_encoder_config import find_encoder_config
from bert_cpu.native.encoder_delegate import why_not
from bert_cpu.native.training_library import why_no_training_library


def run(
    encoder: str | None,
    batch_size: int,
    max_length: int,
    dtype: str,
    threads: int,
    workers: int,
    tune: bool,
    as_json: bool,
) -> int:
    """Prints it, and whether an encoder fits; measures first if asked to.

    Returns:
        The exit code.

    Raises:
        UserError: if the encoder is no directory with a BERT's `config.json`, or
            with one of Google's original checkpoints; with `tune`, if TensorFlow or
            memory is missing, or the cache can't be written.
    """
    hardware = read_hardware()
    shape = None
    if encoder is not None:
        directory = minilm_directory() if encoder == "minilm" else encoder
        if not pathlib.Path(directory).is_dir():
            raise UserError(
                f"--encoder '{encoder}' is no directory here. Give minilm, or the "
                "directory of a BERT checkpoint."
            )
        path = find_encoder_config(pathlib.Path(directory))
        if not path.is_file():
            raise UserError(
                f"--encoder '{encoder}' has no config.json, nor a bert_config.json "
                "beside its *.ckpt.index. Give minilm, or the directory of a BERT "
                "checkpoint."
            )
        shape = read_encoder_shape(path)
    if tune:
        _measure(hardware, shape)
    tuned, note = find_tuned_profile(hardware)
    profile = choose_profile(hardware, dtype, threads, workers, tuned)
    answering = choose_answering(hardware, tuned=tuned)
    fits = None
    if encoder is not None and shape is not None:
        fits = fit_model(encoder, shape, profile, batch_size, max_length)
    if as_json:
        answer = hardware_json(hardware, profile, fits)
        answer["answering"] = dataclasses.asdict(answering)
        answer["tuned"] = None if tuned is None else dataclasses.asdict(tuned)
        answer["tuned_ignored"] = note
        for name, reason in (
            ("int8_kernel", why_not()),
            ("training_kernel", why_no_training_library()),
        ):
            answer[name] = {"used": reason is None, "why_not": reason}
        print(json.dumps(answer, indent=2))
    else:
        print(describe_hardware(hardware, profile, fits))
        print(describe_tuned(answering, tuned, note))
    return 0


def _measure(hardware: Hardware, shape: EncoderShape | None) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        raise UserError(
            "--tune trains and converts a small encoder, for which TensorFlow is not "
            "installed. Install it with `pip install bert_cpu[train]`."
        )
    path = cache_dir() / tuned_profile_location().name
    with storage_errors(path):
        # Before a minute goes by that can't be kept.
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        tempfile.TemporaryFile(dir=path.parent).close()
    from bert_cpu.calibration.calibrate import SMALL_ENCODER, calibrate

    small = dict(SMALL_ENCODER)
    if shape is not None:
        alike = ("hidden_size", "num_attention_heads", "intermediate_size")
        small |= {name: getattr(shape, name) for name in alike}
    profile = calibrate(hardware, small, log=_say)
    with storage_errors(path):
        profile.save(path)
    _say(f"Wrote '{path}', which training, conversion and answering read")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

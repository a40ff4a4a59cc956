"""Opens a pre-trained BERT: by name, from a directory, or from the hub."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Mapping

import keras
import numpy as np
import safetensors
from transformers import BertConfig, BertTokenizerFast

from bert_cpu.data.minilm import minilm_directory
from bert_cpu.errors import UserError
from bert_cpu.models.find_encoder_config import find_encoder_config
from bert_cpu.models.find_tf1_checkpoint import CONFIG_NAME, find_tf1_checkpoint
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.models.tf1_checkpoint import read_tf1_tensors
from bert_cpu.models.weights import assign_weights, encoder_names, model_names

_FILES = ("config.json", "model.safetensors", "vocab.txt", "tokenizer.json")
_OPTIONAL_FILES = ("tokenizer_config.json", "special_tokens_map.json")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A pre-trained encoder's files, opened but not yet loaded."""

    name: str  # As the user gave it.
    directory: pathlib.Path
    config: BertConfig
    tokenizer: BertTokenizerFast

    def with_layers(self, num_layers: int) -> "Checkpoint":
        """The same with its lowest layers only; the pooler then reads the last of them.

        A short cut to a small model: the lower layers of a BERT do most of its work
        on many tasks, and those above are not computed (Sajjad et al. 2020,
        https://arxiv.org/abs/2004.03844).

        Args:
            num_layers: int. How many are kept. 0: all.

        Raises:
            UserError: if there are not so many.
        """
        most = self.config.num_hidden_layers
        if num_layers > most:
            raise UserError(
                f"--keep-layers is {num_layers}, but '{self.name}' has only {most} "
                "layers."
            )
        if not num_layers:
            return self
        fields = {**self.config.to_dict(), "num_hidden_layers": num_layers}
        return dataclasses.replace(self, config=BertConfig(**fields))

    def assign_to(
        self, model: keras.Model, head_names: Mapping[str, str] | None = None
    ) -> list[str]:
        """Loads the weights into an encoder that was built from `config`.

        Args:
            model: as `build_encoder` returns it, or one with a head on top.
            head_names: Keras variable path -> tensor name, of a head's weights that
                are to be loaded as well, as far as the checkpoint has them.

        Returns:
            list of str: the tensors that the checkpoint lacks and that keep
            their random start. Of the encoder only the pooler may be missing, as
            it is after pre-training without next-sentence prediction.

        Raises:
            UserError: if a tensor is missing or doesn't fit the config.
        """
        tf1 = find_tf1_checkpoint(self.directory)
        source = tf1 or self.directory / "model.safetensors"
        tensors = read_tf1_tensors(source) if tf1 else read_encoder_tensors(source)
        encoder = model_names(model, encoder_names(self.config.num_hidden_layers))
        head = head_names or {}
        names = {**encoder, **head}
        absent = {
            path: name
            for path, name in names.items()
            if name not in tensors and (path.startswith("pooler/") or path in head)
        }
        for path in absent:
            del names[path]
        assign_weights(model, names, tensors, str(source))
        return sorted(absent.values())


def open_checkpoint(name: str) -> Checkpoint:
    """Finds a BERT checkpoint and reads its config and tokenizer.

    Args:
        name: `minilm` (MiniLM-L6, from the package index), a directory in the
            Hugging Face layout or with one of Google's original checkpoints, or a
            hub id such as `bert-base-chinese`.

    Raises:
        UserError: if it can't be found, isn't BERT, or lacks a file.
    """
    directory = _find(name)
    config = read_config(find_encoder_config(directory))
    tokenizer = load_tokenizer(directory)
    if len(tokenizer) > config.vocab_size:
        raise UserError(
            f"'{name}' has a tokenizer with {len(tokenizer):,} words, but a model "
            f"with {config.vocab_size:,}. Use the vocab.txt that belongs to it."
        )
    return Checkpoint(name, directory, config, tokenizer)


def read_config(path: pathlib.Path) -> BertConfig:
    """Reads a `config.json`, or the original's `bert_config.json`.

    Raises:
        UserError: if it is missing, isn't JSON, or describes another model.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"'{path}' is missing. Give a directory in the Hugging Face layout."
        ) from None
    except ValueError as error:
        raise UserError(f"'{path}' is not JSON ({error}). Fetch it again.") from error
    # The original names no type: there was only BERT.
    default = "bert" if path.name == CONFIG_NAME else None
    kind = fields.get("model_type", default) if isinstance(fields, dict) else None
    if kind != "bert":
        raise UserError(
            f"'{path}' describes a model of type {kind!r}, but only 'bert' is read. "
            "Choose a BERT checkpoint."
        )
    try:
        return BertConfig(**fields)
    except Exception as error:  # transformers checks fields in several ways.
        reason = " ".join(str(error).split())
        raise UserError(f"'{path}' is not a BERT config: {reason}") from error


def read_encoder_tensors(path: pathlib.Path) -> Mapping[str, np.ndarray]:
    """Reads the encoder's tensors from safetensors, under plain names.

    The `bert.` in front, which checkpoints with a head have, is dropped, and the
    original's `gamma` and `beta` of norms become `weight` and `bias`.

    Raises:
        UserError: if the file is missing or damaged.
    """
    if not path.is_file():
        pickled = path.with_name("pytorch_model.bin").is_file()
        raise UserError(
            f"'{path}' is missing"
            + (
                ", and pytorch_model.bin, a pickle, is never opened."
                if pickled
                else "."
            )
            + " Save the checkpoint as safetensors."
        )
    tensors = {}
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            for name in list(file.keys()):
                plain = re.sub(r"^bert\.", "", name)
                plain = plain.replace("LayerNorm.gamma", "LayerNorm.weight")
                plain = plain.replace("LayerNorm.beta", "LayerNorm.bias")
                tensors[plain] = file.get_tensor(name)
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(
            f"'{path}' is not whole ({error}). Fetch the checkpoint again."
        ) from error
    return tensors


def _find(name: str) -> pathlib.Path:
    if name == "minilm":
        return minilm_directory()
    directory = pathlib.Path(name).expanduser()
    if directory.is_dir():
        return directory
    if directory.is_file():
        raise UserError(
            f"--encoder '{name}' is a file, but must be a directory with config.json, "
            "model.safetensors and a tokenizer."
        )
    is_hub_id = re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) is not None
    if not is_hub_id or name.startswith("."):
        raise UserError(
            f"--encoder '{name}' is no directory here. Give minilm, a directory in "
            "the Hugging Face layout, or a hub id."
        )
    return _download(name)


def _download(hub_id: str) -> pathlib.Path:
    import huggingface_hub

    try:
        return pathlib.Path(
            huggingface_hub.snapshot_download(
                hub_id, allow_patterns=[*_FILES, *_OPTIONAL_FILES]
            )
        )
    except Exception as error:  # The hub's client raises many kinds.
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"--encoder '{hub_id}' is no directory here, and could not be had from "
            f"the hub ({type(error).__name__}: {reason}). Check the name and the "
            "connection, or give a directory."
        ) from error

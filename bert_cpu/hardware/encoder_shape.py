"""The sizes of a BERT encoder, read from its `config.json` without loading it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from bert_cpu.errors import UserError

# The largest size that is believed; real encoders stay far below each.
_LARGEST = {
    "vocab_size": 10_000_000,
    "hidden_size": 65_536,
    "num_hidden_layers": 1_000,
    "num_attention_heads": 1_024,
    "intermediate_size": 1_000_000,
    "max_position_embeddings": 1_000_000,
    "type_vocab_size": 1_000,
    "num_labels": 1_000_000,
}


@dataclasses.dataclass(frozen=True)
class EncoderShape:
    """The sizes that decide how many weights and activations BERT has."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    # Kinds of segment: the first text, the second one.
    type_vocab_size: int = 2
    # Classes of the head on top.
    num_labels: int = 2

    @property
    def parameters(self) -> int:
        """Weights of the encoder and its pooler; the head's come on top."""
        return (
            self.embedding_parameters
            + self.num_hidden_layers * self.block_parameters
            + self.pooler_parameters
        )

    @property
    def embedding_parameters(self) -> int:
        rows = self.vocab_size + self.max_position_embeddings + self.type_vocab_size
        return (rows + 2) * self.hidden_size  # Two rows: the norm's scale and shift.

    @property
    def block_parameters(self) -> int:
        hidden, intermediate = self.hidden_size, self.intermediate_size
        attention = 4 * (hidden + 1) * hidden  # Query, key, value, output.
        feed_forward = (hidden + 1) * intermediate + (intermediate + 1) * hidden
        norms = 2 * 2 * hidden
        return attention + feed_forward + norms

    @property
    def pooler_parameters(self) -> int:
        return (self.hidden_size + 1) * self.hidden_size

    @property
    def head_parameters(self) -> int:
        return (self.hidden_size + 1) * self.num_labels

    def trainable_share(self, freeze_layers: int) -> float:
        """Share of weights that learn when so many of the lowest layers don't.

        Args:
            freeze_layers: int in `[0, num_hidden_layers]`. With the first of them
                the embeddings are left as they are, too.
        """
        frozen = freeze_layers * self.block_parameters
        if freeze_layers:
            frozen += self.embedding_parameters
        return 1 - frozen / self.parameters


def read_encoder_shape(path: Path) -> EncoderShape:
    """Reads the sizes in the `config.json` of a BERT checkpoint.

    Args:
        path: the file. Google's `bert_config.json` is read as well.

    Raises:
        UserError: if it can't be read, isn't a BERT's, or lacks a size that makes
            sense.
    """
    config = _read_object(path)
    # Google's files came before there were other types, and name none.
    model_type = config.get("model_type", "bert")
    if model_type != "bert":
        raise UserError(
            f"'{path}' describes a model of type {model_type!r}, but only bert can "
            "be read. Choose a BERT checkpoint."
        )
    fields = [field.name for field in dataclasses.fields(EncoderShape)]
    optional = ("type_vocab_size", "num_labels")
    missing = [key for key in fields if key not in config and key not in optional]
    if missing:
        raise UserError(
            f"'{path}' lacks {', '.join(missing)}, which each BERT's config.json "
            "has. Copy it from the checkpoint again."
        )
    sizes = {key: config[key] for key in fields if key in config}
    # transformers writes the labels' names, and their number only if there are none.
    if isinstance(config.get("id2label"), dict) and config["id2label"]:
        sizes["num_labels"] = len(config["id2label"])
    for key, size in sizes.items():
        _check_size(path, key, size)
    hidden_size, heads = sizes["hidden_size"], sizes["num_attention_heads"]
    if hidden_size % heads:
        raise UserError(
            f"'{path}' says hidden_size {hidden_size} and num_attention_heads {heads}, "
            "but the heads must divide it. Copy the file from the checkpoint again."
        )
    return EncoderShape(**sizes)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"'{path}' can't be read ({error.strerror}). Name the config.json of a "
            "BERT checkpoint."
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"'{path}' is not JSON. Copy it from the checkpoint again."
        ) from error
    if not isinstance(config, dict):
        raise UserError(
            f"'{path}' holds a JSON {type(config).__name__}, not an object. Copy it "
            "from the checkpoint again."
        )
    return config


def _check_size(path: Path, key: str, size: Any) -> None:
    # `True` is an int to Python.
    is_number = isinstance(size, int) and not isinstance(size, bool)
    if not is_number or not 1 <= size <= _LARGEST[key]:
        raise UserError(
            f"'{path}' says {key} is {json.dumps(size)[:40]}, but it must be a whole "
            f"number from 1 to {_LARGEST[key]:,}. Copy the file from the checkpoint "
            "again."
        )

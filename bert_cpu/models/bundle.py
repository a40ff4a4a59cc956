"""Saves and opens a trained model, in a layout that transformers opens too."""

import dataclasses
import importlib.metadata
import pathlib

import keras
import safetensors
import safetensors.numpy
from transformers import BertConfig, BertTokenizerFast

import bert_cpu
from bert_cpu import storage
from bert_cpu.errors import UserError
from bert_cpu.models.checkpoint import read_config
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.models.weights import (
    assign_weights,
    collect_weights,
    encoder_names,
    model_names,
)
from bert_cpu.task import Task

FORMAT = "bert_cpu.bundle"
_HEAD_BIASES = ("classifier.bias", "qa_outputs.bias")
_FILES = ("config.json", "model.safetensors", "tokenizer.json")
_REMEDY = "Train it again, or copy the bundle again from where it came."


@dataclasses.dataclass(frozen=True)
class BundleInfo:
    """What a bundle's `bert_cpu.json` says about its model."""

    task: str
    labels: tuple[str, ...]
    max_length: int
    text_pair: bool
    preprocess: dict
    stride: int = 0  # Of windows, in tasks that lay them over long texts.
    options: dict = dataclasses.field(default_factory=dict)  # Of the task.


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A trained model's files, checked and opened but not yet loaded."""

    directory: pathlib.Path
    info: BundleInfo
    config: BertConfig
    tokenizer: BertTokenizerFast

    def assign_to(self, model: keras.Model, task: Task) -> None:
        """Loads the weights into a model with the head of this bundle's task.

        Args:
            model: as the task's `build` returns it for this bundle's config.
            task: this bundle's.

        Raises:
            UserError: if a tensor is missing or doesn't fit the config.
        """
        path = self.directory / "model.safetensors"
        names = _tensor_names(self.config, model, task)
        assign_weights(model, names, safetensors.numpy.load_file(path), str(path))


def save_bundle(
    directory: pathlib.Path,
    model: keras.Model,
    task: Task,
    config: BertConfig,
    tokenizer: BertTokenizerFast,
    info: BundleInfo,
) -> None:
    """Writes a bundle, in place of one that may be there.

    Args:
        directory: written aside and renamed, so it is whole or not there.
        model: keras.Model with an encoder and a head.
        task: what the head is for.
        config: the encoder's.
        tokenizer: the encoder's.
        info: what to remember beside the weights.

    Raises:
        UserError: if the disk is full.
    """
    with storage.new_directory(directory) as aside:
        _write_model(aside, model, task, config, info)
        _write_tokenizer(aside, tokenizer)
        names = [path.name for path in aside.iterdir()]
        description = {
            "format": FORMAT,
            "version": 1,
            **dataclasses.asdict(info),
            "versions": {
                "bert_cpu": bert_cpu.__version__,
                **{
                    package: importlib.metadata.version(package)
                    for package in ("tensorflow-cpu", "keras", "transformers")
                },
            },
            "files": storage.describe_files(aside, names),
        }
        storage.write_json(aside / "bert_cpu.json", description)


def open_bundle(directory: pathlib.Path) -> Bundle:
    """Opens a bundle after checking every file of it; runs no code from it.

    Raises:
        UserError: if it isn't a bundle, or a file is missing or was changed.
    """
    info = check_bundle(directory)
    return Bundle(
        directory,
        info,
        read_config(directory / "config.json"),
        load_tokenizer(directory),
    )


def check_bundle(directory: pathlib.Path) -> BundleInfo:
    """Reads a bundle's description and compares every file with it.

    Raises:
        UserError: if it isn't a bundle, or a file is missing or was changed.
    """
    path = directory / "bert_cpu.json"
    description = storage.read_description(path, FORMAT, _REMEDY)
    storage.check_model_fields(description, path, _REMEDY)
    try:
        files = description["files"]
        # A file that is read must be listed, or it could be any.
        read = {name: files[name] for name in _FILES}
        storage.check_files(directory, read | files, _REMEDY)
        return BundleInfo(
            task=description["task"],
            labels=tuple(description["labels"]),
            max_length=description["max_length"],
            text_pair=description["text_pair"],
            preprocess=description["preprocess"],
            stride=description.get("stride", 0),
            options=description.get("options", {}),
        )
    except KeyError as error:
        raise UserError(f"'{path}' has no {error}. {_REMEDY}") from None


def _tensor_names(config, model, task):
    encoder = model_names(model, encoder_names(config.num_hidden_layers))
    return {path: f"bert.{name}" for path, name in encoder.items()} | {
        **task.head_names
    }


def _write_model(directory, model, task, config, info):
    tensors = collect_weights(model, _tensor_names(config, model, task))
    # transformers sizes a head by the names that there are.
    rows = [len(tensors[name]) for name in _HEAD_BIASES if name in tensors]
    labels = {row: f"LABEL_{row}" for row in range(max(rows, default=1))}
    if len(labels) == len(info.labels) and "classifier.bias" in tensors:
        labels = dict(enumerate(info.labels))
    described = BertConfig(
        **{
            **config.to_dict(),
            "architectures": [task.architecture],
            "problem_type": task.problem_type,
            "id2label": labels,
            "label2id": {label: index for index, label in labels.items()},
        }
    )
    described.save_pretrained(directory)
    safetensors.numpy.save_file(
        tensors, directory / "model.safetensors", metadata={"format": "pt"}
    )


def _write_tokenizer(directory, tokenizer):
    tokenizer.save_pretrained(directory)
    # The older file, for tools that read no tokenizer.json: a word a line, by id.
    words = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    text = "".join(f"{word}\n" for word, _ in words)
    (directory / "vocab.txt").write_text(text, encoding="utf-8")

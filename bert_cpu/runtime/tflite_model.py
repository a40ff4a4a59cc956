"""A converted model with its tokenizer: from text to logits."""

import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from bert_cpu import storage
from bert_cpu.errors import UserError
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter, Ids

FORMAT = "bert_cpu.tflite"

_REMEDY = "Convert the run again with `make tflite NAME=…`."


class TFLiteModel:
    """What `model.json` describes, opened. Make it with `TFLiteModel.open`.

    Not for two threads at once: open one for each.

    Attributes:
        task: what it answers, such as "classify".
        labels: one name a logit.
        max_length: tokens in the longest sequence; longer texts are cut.
        buckets: the lengths that it runs at, ascending; `max_length` is the last.
        text_pair: whether it reads two texts.
        variant: the file in use, "float32" or "int8".
        num_cut: how many texts were cut so far.

    Example:
    >>> model = TFLiteModel.open("runs/movie_reviews/tflite")
    >>> model.run("a quiet, lovely film").shape
    (2,)
    """

    def __init__(
        self,
        description: dict[str, Any],
        variant: str,
        tokenizer: Tokenizer,
        interpreter: BucketedInterpreter,
    ):
        self.task: str = description["task"]
        self.labels: list[str] = description["labels"]
        self.max_length: int = description["max_length"]
        self.buckets: list[int] = description["buckets"]
        self.text_pair: bool = description["text_pair"]
        self.variant = variant
        self.num_cut = 0
        self._clean = _preprocess(description["preprocess"])
        self._tokenizer = tokenizer
        self._interpreter = interpreter

    @classmethod
    def open(
        cls,
        directory: str | os.PathLike[str],
        threads: int | None = None,
        variant: str | None = None,
    ) -> "TFLiteModel":
        """Checks a converted model's files and opens them.

        Args:
            directory: one that holds `model.json`.
            threads: threads of one run. Default: the cores this process may use.
            variant: "float32" or "int8". Default: the one chosen when converting.

        Raises:
            UserError: if a file is missing, was changed, or is of another version.
        """
        directory = pathlib.Path(directory)
        path = directory / "model.json"
        description = storage.read_description(path, FORMAT, _REMEDY)
        storage.check_model_fields(description, path, _REMEDY)
        try:
            _check_buckets(description, path)
            variant = variant or description["chosen"]
            file = f"{variant}.tflite"
            # Only what is opened: a container may ship one of the variants.
            storage.check_files(
                directory, _described(description["files"], file), _REMEDY
            )
            tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
            tokenizer.no_padding()
            tokenizer.enable_truncation(
                description["max_length"], strategy="longest_first"
            )
            interpreter = BucketedInterpreter(
                directory / file, description["buckets"], threads
            )
            return cls(description, variant, tokenizer, interpreter)
        except KeyError as error:
            raise UserError(f"'{path}' has no {error}. {_REMEDY}") from None

    def is_empty(self, text: str, text_pair: str | None = None) -> bool:
        """Whether preprocessing leaves nothing to read of a text (or of its pair).

        Training leaves such texts out, so an answer would be by chance.
        """
        texts = (text,) if text_pair is None else (text, text_pair)
        return not all(self._clean(each).strip() for each in texts)

    def run(self, text: str, text_pair: str | None = None) -> np.ndarray:
        """Logits of a text or a pair of texts.

        A text over `max_length` tokens is cut (the longer of a pair first) and
        counted in `num_cut`.

        Returns:
            float32 `(num_labels,)`.

        Raises:
            UserError: if it is a pair and the model reads one text, or the other
                way round; or if a text is not Unicode.
        """
        if (text_pair is not None) != self.text_pair:
            raise UserError(
                f"The model reads {_NUM_TEXTS[self.text_pair]} at a time, but got "
                f"{_NUM_TEXTS[not self.text_pair]}. Give it what it was trained on."
            )
        text = self._clean(text)
        text_pair = None if text_pair is None else self._clean(text_pair)
        try:
            encoding = self._tokenizer.encode(text, text_pair)
        except (UnicodeEncodeError, TypeError):
            raise UserError(
                "A text holds half of a surrogate pair, which is not Unicode. Read "
                "the file as UTF-8."
            ) from None
        self.num_cut += bool(encoding.overflowing)
        return self.run_ids(encoding.ids, encoding.type_ids)

    def run_ids(self, input_ids: Ids, token_type_ids: Ids) -> np.ndarray:
        """Logits of a tokenized sequence; see `BucketedInterpreter.run_ids`."""
        return self._interpreter.run_ids(input_ids, token_type_ids)


_NUM_TEXTS = {False: "one text", True: "a pair of texts"}


def _check_buckets(description: dict[str, Any], path: pathlib.Path) -> None:
    buckets = description["buckets"]
    are_lengths = isinstance(buckets, list) and all(type(b) is int for b in buckets)
    if not are_lengths or buckets[-1:] != [description["max_length"]]:
        raise UserError(
            f"'{path}' says that buckets are {str(buckets)[:40]}, but they must be "
            f"lengths, the last of them max_length. {_REMEDY}"
        )


def _described(files: dict[str, Any], file: str) -> dict[str, Any]:
    if file not in files:
        known = [name for name in files if name.endswith(".tflite")]
        names = ", ".join(name.removesuffix(".tflite") for name in known)
        remedy = f"Choose a variant that it has: {names}." if known else _REMEDY
        raise UserError(f"The model has no '{file}'. {remedy}")
    return {name: files[name] for name in (file, "tokenizer.json")}


def _preprocess(settings: dict[str, Any]) -> Callable[[str], str]:
    if all(value in (False, "none") for value in settings.values()):
        return str
    # Stop words and stems come from libraries that most models don't need.
    from bert_cpu.text.preprocess import Preprocess

    return Preprocess.from_dict(settings)

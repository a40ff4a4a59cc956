"""A converted model with its tokenizer: from text to an answer."""

import dataclasses
import io
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from bert_cpu import storage
from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.runtime.answered import Answered
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.runtime.read_ahead import ReadAhead
from bert_cpu.runtime.run_windows import run_windows
from bert_cpu.task import Task
from bert_cpu.text.remembering_reader import (
    RememberingLater,
    RememberingReader,
    is_remembered,
)
from bert_cpu.text.special_tokens import UNKNOWN
from bert_cpu.text.tokenizer_parts import files_to_open, open_tokenizer
from bert_cpu.text.windows import Pair, Reading, WindowReader, uncut

if TYPE_CHECKING:
    from bert_cpu.runtime.interpreter_pool import InterpreterPool

FORMAT = "bert_cpu.tflite"

_REMEDY = "Convert the run again with `make tflite NAME=…`."


class TFLiteModel:
    """What `model.json` describes, opened. Make it with `TFLiteModel.open`.

    Not for two threads at once: open one for each.

    Attributes:
        task: what it was trained for.
        labels: their names by id; empty for a task without.
        max_length: tokens in the longest sequence; longer texts are cut.
        buckets: the lengths that it runs at, ascending; `max_length` is the last.
        text_pair: whether it reads two texts.
        variant: the file in use, "float32" or "int8".
        num_cut: how many texts were cut so far.
        num_tokens: how many tokens texts had so far, in all windows.
        num_unknown: how many of them the vocabulary has no word for.

    Example:
    >>> model = TFLiteModel.open("runs/mr0/tflite", restore_task)  # doctest: +SKIP
    >>> model.answer("a quiet, lovely film").label  # doctest: +SKIP
    'pos'
    """

    def __init__(
        self,
        description: dict[str, Any],
        task: Task,
        variant: str,
        tokenizer: Tokenizer,
        path: pathlib.Path,
        threads: int | None,
        content: io.BytesIO,
    ):
        self.task = task
        self.labels: list[str] = description["labels"]
        self.max_length: int = description["max_length"]
        self.buckets: list[int] = description["buckets"]
        self.text_pair: bool = description["text_pair"]
        self.variant = variant
        self.num_cut = self.num_tokens = self.num_unknown = 0
        unknown_id = tokenizer.token_to_id(UNKNOWN)
        self._unknown_id = -1 if unknown_id is None else unknown_id
        self._answer_labels = task.answer_labels(self.labels, tokenizer)
        clean = _preprocess(description["preprocess"])
        stand_ins = task.stand_ins(tokenizer)
        max_length = self.max_length
        read = WindowReader(
            tokenizer,
            max_length,
            task.too_long,
            description.get("stride", 0),
            task.reads_apart,
            clean,
            stand_ins,
            takes_over=True,
        )

        # Of nothing that refers to the model, which so is freed as soon as it's left.
        def make_remembering() -> RememberingReader | None:
            own = uncut(tokenizer)
            if not is_remembered(own, task.too_long, task.reads_apart, stand_ins):
                return None
            return RememberingReader(lambda: read, own, max_length, clean)

        self._read = read
        self._read_many = RememberingLater(read, make_remembering)
        self._path = path
        self._interpreter = BucketedInterpreter(path, self.buckets, threads, content)
        self._pool: InterpreterPool | None = None

    @classmethod
    def open(
        cls,
        directory: str | os.PathLike[str],
        restore_task: Callable[[str, dict[str, Any]], Task],
        threads: int | None = None,
        variant: str | None = None,
        reading: ReadAhead | None = None,
    ) -> "TFLiteModel":
        """Checks a converted model's files and opens them.

        Args:
            directory: one that holds `model.json`.
            restore_task: gives the task of a name and its options.
            threads: threads of one run. Default: the cores this process may use.
            variant: "float32" or "int8". Default: the one chosen when converting.
            reading: of its file, if that has begun; of another file, it is ignored.

        Raises:
            UserError: if a file is missing, was changed, or is of another version.
        """
        directory = pathlib.Path(directory)
        path = directory / "model.json"
        description = storage.read_description(path, FORMAT, _REMEDY)
        storage.check_model_fields(description, path, _REMEDY)
        try:
            _check_buckets(description, path)
            task = restore_task(description["task"], description.get("options", {}))
            variant = variant or description["chosen"]
            file = f"{variant}.tflite"
            # Only what is opened: a container may ship one of the variants.
            files = description["files"]
            _expect_variant(files, file)
            model_path = directory / file
            if reading is None or reading.path != model_path:
                reading = ReadAhead(model_path, files[file]["size"])
            names = files_to_open(files)
            tokenizer_files = {name: files[name] for name in names}
            storage.check_files(directory, tokenizer_files, _REMEDY)
            tokenizer = open_tokenizer(directory, names)
            storage.check_files(
                directory, {file: files[file]}, _REMEDY, lambda _: reading.sha256()
            )
            content = reading.take_content()
            return cls(
                description, task, variant, tokenizer, model_path, threads, content
            )
        except KeyError as error:
            raise UserError(f"'{path}' has no {error}. {_REMEDY}") from None

    def answer(self, text: str, text_pair: str | None = None) -> Any:
        """What the task's `answer` says of a text or a pair of texts.

        A text beyond `max_length` tokens is read in windows or cut, as the task
        has it; the cut ones are counted in `num_cut`. Where preprocessing leaves
        nothing to read of a text, the model isn't asked: training leaves such texts
        out, so that its answer would be by chance.

        Raises:
            UserError: if it is a pair and the model reads one text, or the other
                way round; or if a text is not Unicode.
        """
        return self.answer_example(Example(text, text_pair, None, "")).answer

    def answer_example(self, example: Example) -> Answered:
        """As `answer`, with the tokens and the outputs that it comes from."""
        (reading,) = self.read([example])
        self.count(reading)
        return self.answer_reading(self._interpreter, example, reading)

    def read(self, examples: Sequence[Example]) -> list[Reading]:
        """The tokens of examples; without windows where there is nothing to read.

        Raises:
            UserError: as `answer`.
        """
        return self._expected(examples, self._read)

    def read_many(self, examples: Sequence[Example]) -> list[Reading]:
        """As `read`, the same and sooner, but words of the texts are kept in memory."""
        return self._expected(examples, self._read_many)

    def _expected(
        self,
        examples: Sequence[Example],
        read: Callable[[Sequence[Pair]], list[Reading]],
    ) -> list[Reading]:
        for example in examples:
            has_pair = example.text_pair is not None
            if has_pair != self.text_pair and not self.task.reads_apart:
                raise UserError(
                    f"The model reads {_NUM_TEXTS[self.text_pair]} at a time, but got "
                    f"{_NUM_TEXTS[has_pair]}. Give it what it was trained on."
                )
        readings = read([(each.text, each.text_pair) for each in examples])
        return [
            dataclasses.replace(reading, windows=[], apart=None)
            if reading.is_empty
            else reading
            for reading in readings
        ]

    def answer_reading(
        self, interpreter: BucketedInterpreter, example: Example, reading: Reading
    ) -> Answered:
        """The answer to an example whose tokens are there; they are not counted.

        Several threads may do so, each with an interpreter of its own.

        Args:
            interpreter: of this model's file.
            example: is answered.
            reading: of `read`.
        """
        outputs = run_windows(interpreter, self.task, reading)
        answer = self.task.answer(
            example, reading.windows, outputs, self._answer_labels
        )
        return Answered(example, reading, outputs, answer)

    def count(self, reading: Reading) -> None:
        """Adds an example's tokens to what texts had so far."""
        self.num_cut += reading.is_cut
        for window in reading.sequences:
            ids = window.ids
            self.num_tokens += len(ids)
            self.num_unknown += ids.count(self._unknown_id)

    @property
    def interpreter_bytes(self) -> int:
        """The most memory that one more interpreter takes.

        LiteRT packs the matrices anew for each signature of each interpreter; only
        the file itself is shared.
        """
        return self._path.stat().st_size * len(self.buckets)

    def pool(self, instances: int, threads: int = 1) -> "InterpreterPool":
        """More interpreters of the same file; see `InterpreterPool`.

        They stay open, since packing the weights takes as long as hundreds of short
        texts: who asks for as many again gets the same. Asked for others, it closes
        these.
        """
        # Slow to import, and not needed for one text.
        from bert_cpu.runtime.interpreter_pool import InterpreterPool

        pool = self._pool
        if pool is None or (pool.instances, pool.threads) != (instances, threads):
            self._interpreter.drop_content()
            self.close_pool()
            pool = InterpreterPool(self._path, self.buckets, instances, threads)
            self._pool = pool
        return pool

    def close_pool(self) -> None:
        """Frees what `pool` opened; what waits there is left undone."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None


_NUM_TEXTS = {False: "one text", True: "a pair of texts"}


def _check_buckets(description: dict[str, Any], path: pathlib.Path) -> None:
    buckets = description["buckets"]
    are_lengths = isinstance(buckets, list) and all(type(b) is int for b in buckets)
    if not are_lengths or buckets[-1:] != [description["max_length"]]:
        raise UserError(
            f"'{path}' says that buckets are {str(buckets)[:40]}, but they must be "
            f"lengths, the last of them max_length. {_REMEDY}"
        )


def _expect_variant(files: dict[str, Any], file: str) -> None:
    if file not in files:
        known = [name for name in files if name.endswith(".tflite")]
        names = ", ".join(name.removesuffix(".tflite") for name in known)
        remedy = f"Choose a variant that it has: {names}." if known else _REMEDY
        raise UserError(f"The model has no '{file}'. {remedy}")


def _preprocess(settings: dict[str, Any]) -> Callable[[str], str]:
    if all(value in (False, "none") for value in settings.values()):
        return str
    # Stop words and stems come from libraries that most models don't need.
    from bert_cpu.text.preprocess import Preprocess

    return Preprocess.from_dict(settings)

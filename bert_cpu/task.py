"""What a task is: all that data, training, conversion and answering ask of one.

A task is one file in `tasks/`, called as the task is, with one subclass of `Task`.
Nothing else knows what a label, a span or a score is, and nothing lists tasks. Such a
file answers questions without TensorFlow as well, so it imports Keras and TensorFlow
within the methods that need them.

The way of an example through a task:

    read     a row of a file or data set       -> Example
    encode   Example and its windows of tokens -> targets, which records keep
    build    encoder                           -> model with a head
    losses   batch with targets, outputs       -> a loss for each example
    lean_outputs  the same head, for the lean graph that conversion makes
    answer   windows and outputs               -> an answer that JSON can hold
    measure  examples and their answers        -> metrics
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from tokenizers import Encoding, Tokenizer

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.mark import Mark
from bert_cpu.target import Target
from bert_cpu.text.row_reader import RowReader

if TYPE_CHECKING:  # Slow to import, and an answer needs none.
    from bert_cpu.settings import PrepareSettings
Outputs = Mapping[str, np.ndarray]


class Task(RowReader):
    """Reads a text or a pair, cut at `max_length`; each task replaces what it must."""

    # How it is called: its file, on the command line, in `config.json` and in bundles.
    name: ClassVar[str]
    # A task with labels learns names from a set that the training split gives.
    has_labels: ClassVar[bool] = True
    # A training split with fewer of them teaches nothing.
    least_labels: ClassVar[int] = 2
    # `answer` gets the tokenizer's words by id in place of labels.
    labels_are_words: ClassVar[bool] = False
    # Two texts to try a model with; the second is for one that reads pairs.
    sample: ClassVar[tuple[str, str]] = ("a text of yours", "and another")
    # Settings that its constructor takes, and bundles remember.
    options: ClassVar[tuple[str, ...]] = ()
    # Those that records depend on -> what they were before there was a choice.
    reading_options: ClassVar[Mapping[str, str]] = {}
    # What is done with a text that is too long: its end is left out ("cut"), or it
    # is read in windows that overlap by `--stride` tokens: the only text of an
    # example ("text"), or its second one ("text_pair"), beside a first one that is
    # whole up to half a window.
    too_long: ClassVar[Literal["cut", "text", "text_pair"]] = "cut"
    # What texts were of which something is in no window, for messages.
    when_cut: ClassVar[str] = "longer than {max_length} tokens and cut"
    # The two texts of a pair are read by themselves: `encode` gets the second's
    # tokens apart, and the windows are of the first.
    reads_apart: ClassVar[bool] = False
    # Examples are compared within their batch, so that one process must hold it.
    needs_whole_batch: ClassVar[bool] = False
    # What to do about a label that only validation or test has, for messages.
    when_unseen: ClassVar[str] = (
        "Correct the label, add examples of it to the training split, or name another "
        "column with --label"
    )
    # Answers point into the text, so that preprocessing may not change it.
    points_into_text: ClassVar[bool] = False
    # What records keep, by the name that it has in a batch.
    targets: ClassVar[Mapping[str, Target]]
    # Keras variable path -> tensor name in the transformers class of the same head.
    head_names: ClassVar[Mapping[str, str]]
    # Whether checkpoints may have weights for the head, from pre-training.
    has_pretrained_head: ClassVar[bool] = False
    # That class, and what it calls the problem, for the bundle's `config.json`.
    architecture: str
    problem_type: ClassVar[str | None] = None
    # Whether the head reads the first token only, so that the last block works for
    # no other; else all of the sequence. An option can decide it.
    reads_first_token: bool = True
    # Outputs with a row a token, which padding is cut off from.
    per_token: ClassVar[frozenset[str]] = frozenset()
    # Those to show; the first tells the best epoch, and whether a converted variant is
    # good enough. All are better when higher.
    metrics: ClassVar[tuple[str, ...]]
    # Whether `lean_outputs` uses `words_product`.
    multiplies_words: ClassVar[bool] = False
    # What `lean_outputs` multiplies with, norms by or adds: a name of its own -> that
    # of the Hugging Face tensors, without `.weight` and `.bias`.
    lean_products: ClassVar[Mapping[str, str]] = {}
    lean_norms: ClassVar[Mapping[str, str]] = {}
    lean_biases: ClassVar[Mapping[str, str]] = {}

    # --- data

    def label_names(self, example: Example) -> Iterable[str]:
        """The names from the set of labels that an example holds."""
        return [example.label]

    def order_labels(self, found: Iterable[str]) -> tuple[str, ...] | None:
        """All labels by id, or None for the usual order: numbers, then letters."""
        return None

    def pose(self, example: Example, tokenizer: Tokenizer) -> Example:
        """Makes a question of an example; few tasks need to.

        Args:
            example: as `read` gave it.
            tokenizer: the encoder's.

        Raises:
            UserError: if it can't be asked with this tokenizer.
        """
        return example

    def stand_ins(self, tokenizer: Tokenizer) -> Mapping[str, str]:
        """What is read in place of pieces of a text; see `WindowReader`."""
        return {}

    def encode(
        self,
        example: Example,
        windows: Sequence[Encoding],
        apart: Encoding | None,
        labels: Mapping[str, int],
    ) -> list[dict[str, Any]] | None:
        """Makes the targets of an example.

        Args:
            example: as `read` gave it.
            windows: the tokens, one window or several; see `too_long`.
            apart: the second text's tokens, of a task that `reads_apart`.
            labels: name -> id; of words, for a task whose `labels_are_words`.

        Returns:
            For each window, a value (or list of values) for each of `targets`.
            None to leave the example out, and count it as cut beyond use.
        """
        raise NotImplementedError

    def draw(self, batch: dict[str, Any], seed: Any) -> dict[str, Any]:
        """Changes a training batch by chance, within `tf.data`; most don't.

        Args:
            batch: tensors by name, padded.
            seed: int64 `(2,)`, another one for each batch of each epoch.
        """
        return batch

    # --- training

    def build(self, encoder: Any, labels: Sequence[str], dropout: float) -> Any:
        """Puts the task's head on an encoder.

        Args:
            encoder: keras.Model as `build_encoder` returns it.
            labels: names by id; empty for a task without.
            dropout: share of the head's features zeroed in training, `[0, 1)`.

        Returns:
            keras.Model from the encoder's inputs (and targets, if it needs them)
            to a dict of float32 outputs.
        """
        raise NotImplementedError

    def losses(
        self, batch: Mapping[str, Any], outputs: Mapping[str, Any], smoothing: float
    ) -> tuple[Any, Any]:
        """The loss of each example, and how many things it is a sum over.

        Args:
            batch: tensors by name: tokens and targets.
            outputs: the model's.
            smoothing: float in `[0, 1)`. Share of probability for wrong labels.

        Returns:
            Two float32 tensors `(batch,)`. The sum of the first by the sum of the
            second is the loss of the batch.
        """
        raise NotImplementedError

    # --- conversion

    def lean_outputs(
        self, graph: Any, hidden: Any, inputs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The head for one sequence, in TensorFlow operations.

        Args:
            graph: LeanGraph, whose `product(name, x)` and `norm(name, x)` use the
                weights of `lean_products` and `lean_norms`, and `bias(name)` is one
                of `lean_biases`; `activation(x)` is the encoder's, `pooled(x)` its
                pooler, `words_product(x)` multiplies by the word table, and
                `token_ids` has the ids of special tokens.
            hidden: float32 `(1, hidden_size)` of the first token, if
                `reads_first_token`; else `(length, hidden_size)`.
            inputs: int32 `(length,)`: `input_ids`, `token_type_ids`, `attention_mask`.

        Returns:
            The outputs that `build`'s model has when it is not training, with a
            first axis of 1: `(1, …)`.
        """
        raise NotImplementedError

    # --- answers

    def answer_labels(self, labels: Sequence[str], tokenizer: Tokenizer) -> list[str]:
        """What `answer` and `measure` get as `labels`; see `labels_are_words`."""
        if not self.labels_are_words:
            return list(labels)
        words = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
        return [word for word, _ in words]

    def answer(
        self,
        example: Example,
        windows: Sequence[Encoding],
        outputs: Sequence[Outputs],
        labels: Sequence[str],
    ) -> Any:
        """Says what the outputs mean.

        Args:
            example: what was asked. Its label, if it has one, is not looked at.
            windows: its tokens; none if there was nothing to read in the text.
            outputs: for each window the outputs for one sequence, without padding
                (see `per_token`) and without the batch axis.
            labels: names by id.

        Returns:
            A frozen dataclass with a `text`, the answer's fields, and a method
            `columns() -> list[str]` with what a terminal shows before the text.
        """
        raise NotImplementedError

    def measure(
        self,
        examples: Sequence[Example],
        answers: Sequence[Any],
        labels: Sequence[str],
    ) -> dict[str, Any]:
        """Compares answers with the truth: all `metrics`, `examples`, and more."""
        raise NotImplementedError

    def mistake(self, example: Example, answer: Any) -> dict[str, Any] | None:
        """For a wrong answer `label`, `predicted` (short strings for a table) and
        `probability` (how sure it was, the surest are shown first); else None."""
        return None

    def marks(self, example: Example, answer: Any) -> tuple[str, list[Mark]] | None:
        """For a report: a text, and the places in it that are right, wrong or
        missed. None for tasks whose answers are no places, and for texts without."""
        return None

    def vectors(self, answer: Any) -> tuple[np.ndarray, np.ndarray] | None:
        """For a map in a report: the vectors of an answer's two texts; see `Embed`."""
        return None

    def check(self, settings: "PrepareSettings") -> None:
        """Refuses settings that make no sense for this task, by a `UserError`."""
        flag = settings.changed_texts
        if self.points_into_text and flag is not None:
            raise UserError(
                f"{flag} changes the text, but the answers of --task {self.name} are "
                "places in it. Leave the option out."
            )

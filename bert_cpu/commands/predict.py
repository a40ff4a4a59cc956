"""`bert-cpu predict`: answers from a converted model, without TensorFlow."""

import dataclasses
import json
import os
import stat
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bert_cpu.commands.leave_at_once import keep_until_left
from bert_cpu.commands.light_numpy import import_light_numpy
from bert_cpu.counted import counted
from bert_cpu.errors import MissingColumn, Unanswerable, UserError
from bert_cpu.no_search_for_garbage import no_search_for_garbage
from bert_cpu.runtime.begin_reading import begin_reading
from bert_cpu.serving.answering_here import answering_here

if TYPE_CHECKING:
    from bert_cpu.runtime.tflite_model import TFLiteModel
    from bert_cpu.serving.answer import Text


class _Asked(NamedTuple):
    """A text, or a pair of them, or why it can't be read; and where it stands."""

    texts: "Text"
    position: str
    id: str | None = None


def run(
    model: str,
    texts: Sequence[str],
    pair: str | None,
    file: str | None,
    text: str | None,
    text_pair: str | None,
    variant: str | None,
    threads: int,
    instances: int,
    as_json: bool,
) -> int:
    """Writes one line an answer to standard output, as soon as it is known.

    Of several texts, one that can't be answered gets a line that says so: "error" and
    the reason; in JSON the keys `text` (None if it can't be read) and `error`. The
    others are answered. What is no text's mistake, as a file that is torn, ends it.

    Args:
        model: a run's directory, or one that holds `model.json`.
        texts: the texts, if they are given by themselves.
        pair: the second text, if `texts` is one text and the model reads pairs.
        file: a file with the texts instead: csv, tsv, jsonl, txt, or another that the
            model's task reads for training.
        text, text_pair: the columns of `file` that hold them; None for the task's own.
        variant: "float32" or "int8"; None for the one that was chosen.
        threads: of one answer; 0 for what is fastest here.
        instances: interpreters side by side for the texts of a file; 0 for what is
            fastest here and fits into memory.
        as_json: one JSON object a line, with `text` and what the task answers,
            instead of columns. Before them `id`, where the file has one.

    Returns:
        The exit code.

    Raises:
        UserError: as `answer_with` and `open_model`, or if texts come from two places;
            at the end, if texts could not be answered.
    """
    _expect_one_source(texts, pair, file)
    answering, note = answering_here(threads, instances)
    if note:
        print(note, file=sys.stderr)
    reading = begin_reading(model, variant, answering.refuses_int8)
    with no_search_for_garbage():
        # While the model is read: NumPy, the tokenizer and LiteRT.
        import_light_numpy()
        from bert_cpu.serving.answer import answer_with, open_model
        from bert_cpu.serving.tell_unknown import tell_unknown

        opened = open_model(model, threads or None, variant, answering, reading)
    keep_until_left(opened)
    waiting: deque[_Asked] = deque()  # For their answers, which come in order.

    def pairs() -> "Iterator[Text]":
        for asked in _gather(opened, texts, pair, file, text, text_pair):
            waiting.append(asked)
            yield asked.texts

    goes_on = len(texts) != 1
    # One text is answered alike by both, and for one it is not worth the imports.
    if goes_on and _are_all_there(texts, file):
        from bert_cpu.serving.answer_many import answer_many
        from bert_cpu.serving.fitting_instances import fitting_instances

        side_by_side = instances or fitting_instances(opened, answering.instances)
        answers = answer_many(
            opened, pairs(), side_by_side, answering.threads_each, goes_on
        )
    else:
        answers = answer_with(opened, pairs(), goes_on)
    num_answers = num_mistakes = 0
    for answer in answers:
        num_answers += 1
        num_mistakes += isinstance(answer, Unanswerable)
        asked = waiting.popleft()
        line = _as_json(asked, answer) if as_json else _as_columns(asked, answer)
        print(line, flush=True)
    if opened.num_cut:
        were_cut = counted(opened.num_cut, "text was", "texts were")
        when_cut = opened.task.when_cut.format(max_length=opened.max_length)
        print(f"{were_cut} {when_cut}", file=sys.stderr)
    tell_unknown(opened)
    if num_mistakes:
        raise UserError(
            f"{num_mistakes:,} of {counted(num_answers, 'text')} could not be "
            "answered. Their lines say why: mend them, or leave them out."
        )
    return 0


def _as_json(asked: _Asked, answer: Any) -> str:
    fields: dict[str, Any] = {} if asked.id is None else {"id": asked.id}
    if isinstance(answer, Unanswerable):
        text = None if isinstance(asked.texts, Unanswerable) else asked.texts[0]
        fields |= {"text": text, "error": _reason(asked, answer)}
    else:
        fields |= dataclasses.asdict(answer)
    return json.dumps(fields, ensure_ascii=False)


def _as_columns(asked: _Asked, answer: Any) -> str:
    if isinstance(answer, Unanswerable):
        return f"error\t{_reason(asked, answer)}"
    return "\t".join([*answer.columns(), _one_line(answer.text)])


def _reason(asked: _Asked, error: Unanswerable) -> str:
    # What can't be read is said with its position already.
    said = str(error) if error is asked.texts else f"{asked.position}: {error}"
    return _one_line(said)


def _are_all_there(texts: Sequence[str], file: str | None) -> bool:
    """Whether to read ahead: nobody types the texts, or waits for each answer."""
    if texts or file is not None:
        return True
    try:
        return stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode)
    except OSError:  # A program put something else in its place.
        return False


def _expect_one_source(
    texts: Sequence[str], pair: str | None, file: str | None
) -> None:
    if texts and file is not None:
        raise UserError("Got texts and --file. Give one of the two.")
    if pair is not None and len(texts) != 1:
        raise UserError(
            f"--pair is the second text of one text, but {len(texts)} were given. "
            "Give pairs of texts in a --file, with --text-pair for their column."
        )


def _gather(
    opened: "TFLiteModel",
    texts: Sequence[str],
    pair: str | None,
    file: str | None,
    text: str | None,
    text_pair: str | None,
) -> Iterator[_Asked]:
    if texts:
        return _from_words(texts, pair)
    if file is not None:
        return _from_file(opened, file, text, text_pair)
    if sys.stdin.isatty():
        print("Reading texts, one a line, until Ctrl-D:", file=sys.stderr)
    return _from_lines(text_pair is not None)


def _from_words(texts: Sequence[str], pair: str | None) -> Iterator[_Asked]:
    for number, text in enumerate(texts, start=1):
        yield _Asked((text, pair), f"Text {number}")


def _from_file(
    opened: "TFLiteModel", path: str, text: str | None, text_pair: str | None
) -> Iterator[_Asked]:
    from bert_cpu.text.rows import read_rows

    task = opened.task
    is_first = True
    for row in read_rows(path, {**task.formats, **task.unlabelled_formats}):
        found: Text
        try:
            found = task.read_texts(row, text, text_pair)
        except UserError as error:
            # Most probably of all rows, by a wrong option.
            if is_first and isinstance(error, MissingColumn):
                raise
            found = Unanswerable(str(error))
        is_first = False
        yield _Asked(found, row[0], task.identify(row))


def _from_lines(is_pair: bool) -> Iterator[_Asked]:
    """One text a line of standard input; of a pair, with a tab between."""
    lines = sys.stdin.buffer
    for number, line in enumerate(lines, start=1):
        position = f"Line {number} of standard input"
        if number == 1:  # As of files: some programs begin UTF-8 by a mark.
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{position} is not UTF-8 (byte {error.start} of it). Convert the "
                "texts to UTF-8."
            ) from error
        first, tab, second = text.partition("\t")
        found: Text = (first, second) if is_pair else (text, None)
        if is_pair and not tab:
            found = Unanswerable(
                f"{position} has no tab between two texts. Put one there, or leave out "
                "--text-pair."
            )
        yield _Asked(found, position)


def _one_line(text: str) -> str:
    return " ".join(text.split())

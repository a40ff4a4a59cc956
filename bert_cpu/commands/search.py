"""`bert-cpu search`: the texts of a file that mean what is asked for."""

import json
import pathlib
import sys
from collections.abc import Iterator, Sequence

from bert_cpu import storage
from bert_cpu.counted import counted
from bert_cpu.errors import UserError
from bert_cpu.runtime.tflite_model import TFLiteModel
from bert_cpu.serving.answer import answer_with, open_model
from bert_cpu.serving.tell_unknown import tell_unknown
from bert_cpu.serving.vector_search import VectorIndex
from bert_cpu.tasks.embed import Embed
from bert_cpu.text.rows import Row, read_rows, text_of

# Texts between two signs of life: about half a minute.
_TICK = 10_000


def run(
    model: str,
    queries: Sequence[str],
    file: str,
    text: str,
    index: str | None,
    top: int,
    threads: int,
    variant: str | None,
    as_json: bool,
) -> int:
    """Writes the nearest texts of each query to standard output, one a line.

    The first search builds the index, of each text once however often the file has
    it; the next ones open it, as long as the file and the model are the same.

    Args:
        model: a run's directory, or one that holds `model.json`.
        queries: what is searched for.
        file: a csv, tsv, jsonl or txt file with the texts.
        text: the column of `file` that holds them.
        index: the index's directory; None for FILE.index.
        top: texts to find for a query.
        threads: of one text; 0 for all cores.
        variant: "float32" or "int8"; None for the one that was chosen.
        as_json: one JSON object a line, with `query`, `rank`, `score` and `text`,
            instead of columns.

    Returns:
        The exit code.

    Raises:
        UserError: as `open_model`, `read_rows` and `VectorIndex`; if the model makes
            no vectors, or there is nothing to read in a query.
    """
    if not queries:
        raise UserError("There is no query. Give at least one.")
    opened = open_model(model, threads or None, variant)
    if not isinstance(opened.task, Embed):
        raise UserError(
            f"'{model}' was trained for --task {opened.task.name}, but a search needs "
            "vectors. Train a model with --task embed."
        )
    vectors = [_vector_of(opened, query) for query in queries]
    rows = read_rows(file)
    source = {
        "model_sha256": storage.sha256_of(_description(pathlib.Path(model))),
        "variant": opened.variant,
        "texts_sha256": storage.sha256_of(pathlib.Path(file)),
        "column": text,
    }
    found = _open_or_build(pathlib.Path(index or f"{file}.index"), source, opened, rows)
    tell_unknown(opened)
    for query, hits in zip(queries, found.search(vectors, top), strict=True):
        if len(queries) > 1 and not as_json:
            print(f"> {_one_line(query)}")
        for hit in hits:
            if as_json:
                line = {"query": query, "rank": hit.rank, "score": round(hit.score, 6)}
                print(json.dumps(line | {"text": hit.text}, ensure_ascii=False))
            else:
                print(f"{hit.rank}\t{hit.score:.4f}\t{_one_line(hit.text)}")
    return 0


def _vector_of(opened: TFLiteModel, query: str) -> list[float]:
    (answer,) = answer_with(opened, [(query, None)])
    if answer.vector is None:
        raise UserError(
            f"There is nothing to read in the query '{_one_line(query)}'. Ask with "
            "other words."
        )
    return answer.vector


def _description(model: pathlib.Path) -> pathlib.Path:
    """The file that tells this model from others: it has its files' digests."""
    path = model / "model.json"
    return path if path.exists() else model / "tflite" / "model.json"


def _open_or_build(
    directory: pathlib.Path,
    source: dict[str, str],
    opened: TFLiteModel,
    rows: Iterator[Row],
) -> VectorIndex:
    if (directory / "index.json").exists():
        index = VectorIndex.open(directory)
        if index.source == source:
            return index
        _say(f"'{directory}' is of other texts or another model: building it again")
    num_cut, num_empty = opened.num_cut, 0
    seen: set[str] = set()

    def distinct() -> Iterator[tuple[str, None]]:
        for count, row in enumerate(rows, start=1):
            if count % _TICK == 0:
                _say(f"{counted(count, 'text')} read")
            text = text_of(row, source["column"])
            if text not in seen:
                seen.add(text)
                yield text, None

    def with_vectors() -> Iterator[tuple[str, list[float]]]:
        nonlocal num_empty
        for answer in answer_with(opened, distinct()):
            if answer.vector is None:
                num_empty += 1
            else:
                yield answer.text, answer.vector

    VectorIndex.write(directory, with_vectors(), source)
    index = VectorIndex.open(directory)
    _say(
        f"different texts in '{directory}': {len(index):,} (left out without words: "
        f"{num_empty:,}, cut at {opened.max_length} tokens: "
        f"{opened.num_cut - num_cut:,})"
    )
    return index


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _one_line(text: str) -> str:
    return " ".join(text.split())

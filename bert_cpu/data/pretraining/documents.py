"""Documents of plain text, one at a time, each a list of its sentences."""

import pathlib
from collections.abc import Iterable, Iterator

from bert_cpu.data.pretraining.sentences import split_sentences
from bert_cpu.errors import UserError
from bert_cpu.text.rows import read_rows, text_of

# A document beyond this goes on as another one, so that memory has a bound.
_MOST_SENTENCES = 10_000


def read_documents(
    path: str | pathlib.Path, column: str = "text", one_per_line: bool = False
) -> Iterator[list[str]]:
    """Reads documents from a file, or from a directory of files.

    - txt: one sentence a line, and a blank line between documents. This is the
      form that the original BERT reads.
    - txt with `one_per_line`: one document a line.
    - csv, tsv and jsonl: one document a row, in `column`.
    - directory: each .txt file in it, at any depth, is a document.

    Where a line is not a sentence, it is split into sentences.

    Args:
        path: the file or directory, in UTF-8.
        column: str. Holds the text, in files with columns.
        one_per_line: bool. What a line of a .txt file is.

    Returns:
        Iterator over lists of sentences, without white space around them. The list
        of an empty document is empty.

    Raises:
        UserError: if there is no such file or column, the directory has no text, or
            a file is not well formed (`read_rows` says where).
    """
    path = pathlib.Path(path)
    if path.is_dir():
        return _read_directory(path)
    if path.suffix.lower() == ".txt" and not one_per_line:
        return _between_blank_lines(text_of(row, "text") for row in read_rows(path))
    if path.suffix.lower() == ".txt":
        column = "text"
    return documents_of(text_of(row, column) for row in read_rows(path))


def documents_of(texts: Iterable[str]) -> Iterator[list[str]]:
    """Makes each text a document, as those of a data set's column are.

    Args:
        texts: any number of str. A line break ends a sentence.

    Returns:
        Iterator over lists of sentences, as `read_documents` gives them.
    """
    for text in texts:
        lines = text.splitlines()
        yield [sentence for line in lines for sentence in split_sentences(line)]


def _between_blank_lines(lines: Iterable[str]) -> Iterator[list[str]]:
    document: list[str] = []
    for line in lines:
        sentence = line.strip()
        if sentence:
            document.append(sentence)
        if document and (not sentence or len(document) == _MOST_SENTENCES):
            yield document
            document = []
    if document:
        yield document


def _read_directory(directory: pathlib.Path) -> Iterator[list[str]]:
    paths = sorted(directory.rglob("*.txt"))
    if not paths:
        raise UserError(
            f"'{directory}' has no .txt file in it, but each document was expected in "
            "one. Name another directory, or a .txt, .csv, .tsv or .jsonl file."
        )
    return (document for path in paths for document in _read_whole(path))


def _read_whole(path: pathlib.Path) -> Iterator[list[str]]:
    document: list[str] = []
    # A file of no bytes has no rows, which `read_rows` would refuse.
    for row in read_rows(path) if path.stat().st_size else ():
        document += split_sentences(text_of(row, "text"))
        if len(document) >= _MOST_SENTENCES:
            yield document
            document = []
    yield document

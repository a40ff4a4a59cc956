"""How a task takes examples out of the rows of files and data sets."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bert_cpu.example import Example
from bert_cpu.text.rows import Row, text_of

if TYPE_CHECKING:  # Slow to import, and an answer needs none.
    from bert_cpu.settings import PrepareSettings

Formats = Mapping[str, Callable[[Path], Iterator[Row]]]


class RowReader:
    """The part of a `Task` that reads: with labels to learn, or texts to answer."""

    # Columns of a file, unless others are named: of `text`, `text_pair` and `label`.
    columns: ClassVar[Mapping[str, str]] = {}
    # Readers of files with these suffixes, in place of `read_rows`'s own.
    formats: ClassVar[Formats] = {}
    # Those of files that are only to be answered, where others need labels.
    unlabelled_formats: ClassVar[Formats] = {}
    # Texts may also be cut into tokens: lists of them.
    reads_tokens: ClassVar[bool] = False

    def read(self, row: Row, settings: "PrepareSettings") -> Example:
        """Takes an example out of a row.

        Args:
            row: its position, and its values by column.
            settings: names the columns, and says how strict to be.

        Raises:
            UserError: if a column is missing or holds something else.
        """
        text, text_pair = self.read_texts(
            row, self.column(settings, "text"), self.column(settings, "text_pair")
        )
        label = self.read_label(row, self.column(settings, "label"), settings)
        return Example(text, text_pair, label, row[0])

    def read_texts(
        self, row: Row, text: str | None = None, text_pair: str | None = None
    ) -> tuple[str, str | None]:
        """Takes what is asked out of a row; labels are not looked at.

        Args:
            row: its position, and its values by column.
            text, text_pair: the columns. Default: the task's own, if it has them.

        Returns:
            The text, and the second text, or None.

        Raises:
            UserError: if a column is missing or holds something else.
        """
        if text is None:
            text = self.columns.get("text", "text")
        if text_pair is None:
            text_pair = self.columns.get("text_pair")
        return (
            text_of(row, text, "--text"),
            None if text_pair is None else text_of(row, text_pair, "--text-pair"),
        )

    def read_label(self, row: Row, column: str, settings: "PrepareSettings") -> Any:
        """Takes what is to be learned out of a row; see `Example.label`."""
        raise NotImplementedError

    def identify(self, row: Row) -> str | None:
        """What its file calls a row, for answers to be told apart by; few do."""
        return None

    def column(self, settings: "PrepareSettings", field: str) -> Any:
        """The column for `field`: the command line's, or the task's own."""
        given = getattr(settings, field)
        # By far the most tasks have none of their own, and each row asks.
        if not self.columns:
            return given
        from bert_cpu.settings import PrepareSettings

        is_default = given == getattr(PrepareSettings, field)
        return self.columns.get(field, given) if is_default else given

"""Every setting of a pre-training run."""

import dataclasses
from typing import Literal, get_args

from bert_cpu.errors import UserError
from bert_cpu.settings import RunSettings, expect

Start = Literal["cooccurrences", "neighbours", "random"]
_OF_A_NEW_ENCODER = ("num_layers", "hidden_size", "num_heads", "vocab_size")


@dataclasses.dataclass(frozen=True)
class PretrainSettings(RunSettings):
    """How an encoder is pre-trained on plain text, or goes on being so."""

    # The run's name: its directory is RUNS_DIR/NAME.
    name: str = "zh_small"
    # Documents: a .txt file or a directory of them, a file with columns, or
    # tfds:NAME,tfds:NAME (their training splits). Or records of the original BERT's
    # create_pretraining_data, *.tfrecord or *.tf_record, of --encoder's vocabulary.
    data: str = "tfds:zh_reviews,tfds:people_daily"
    # The column that holds a document, in files with columns.
    text: str = "text"
    # Each line of a .txt file is a document; else blank lines stand between them.
    one_per_line: bool = False
    # A BERT checkpoint to go on with. Default: begin with random weights.
    encoder: str | None = None
    # Words and pieces of words in a new vocabulary, at most.
    vocab_size: int = 8000
    # Lower-case the texts, of a new vocabulary.
    lowercase: bool = True
    # Largest share of tokens that may be unknown to the vocabulary.
    most_unknown: float = 0.01
    # Transformer blocks of a new encoder.
    num_layers: int = 4
    # Features per token of a new encoder.
    hidden_size: int = 256
    # Attention heads of a new encoder; they divide hidden_size.
    num_heads: int = 4
    # How a new encoder begins: with heads that look at neighbouring tokens and vectors
    # of words by their company; with these heads only; or with nothing but random
    # weights. Default: cooccurrences, or the weights of --encoder.
    start: Start | None = None
    # Tokens in a sequence, special tokens included.
    max_length: int = 128
    # Tokens in a sequence of the first epochs, of which more updates can be made.
    short_length: int = 32
    # Epochs with sequences of short_length, if that is under max_length; the last one
    # never is. 0: none.
    short_epochs: int = 6
    # With minutes, sequences are long after this share of them, whatever the epoch.
    short_share: float = 0.6
    # Learn which sentence comes next, besides the hidden words.
    next_sentence: bool = False
    # Share of tokens that are hidden, (0, 1).
    mask_share: float = 0.15
    # Hide whole words (in Chinese, jieba's); else pieces, each by itself.
    whole_words: bool = True
    # Passes over the texts.
    epochs: int = 40
    # Stop after this time, with the rate fallen to 0. 0: when the epochs are done.
    minutes: float = 30.0
    # Sequences in one batch, over all workers.
    batch_size: int = 64
    # The highest learning rate.
    learning_rate: float = 1e-3
    # Share of features zeroed in training, [0, 1). What is seen two or three times
    # is not learned by heart.
    dropout: float | None = 0.0
    # Momentum of the mean square of gradients, in (0, 1). Few updates, of which the
    # first are unlike the last, are better off with a short memory.
    beta_2: float = 0.98
    # Momentum of the moving average of weights that is kept as the model. 0: none.
    ema: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        choices = get_args(Start)
        is_known = self.start in (None, *choices)
        expect(is_known, "start", self.start, f"one of {', '.join(choices)}")
        if self.encoder is None and self.start is None:
            # Said outright, so that config.json and --resume name it.
            object.__setattr__(self, "start", "cooccurrences")
        if self.reads_records and self.encoder is None:
            raise UserError(
                f"--data '{self.data}' holds token ids, whose vocabulary is an "
                "encoder's. Name its checkpoint by --encoder."
            )
        if self.encoder is not None and self.start is not None:
            raise UserError(
                f"--start is {self.start}, but '{self.encoder}' brings its own "
                "weights. Give --start or --encoder, not both."
            )
        for field in ("epochs", "vocab_size", "num_layers", "hidden_size", "num_heads"):
            expect(getattr(self, field) >= 1, field, getattr(self, field), "1 or more")
        is_whole = self.hidden_size % self.num_heads == 0
        expected = f"a multiple of num_heads={self.num_heads}"
        expect(is_whole, "hidden_size", self.hidden_size, expected)
        expect(self.max_length >= 8, "max_length", self.max_length, "8 or more")
        expect(self.short_epochs >= 0, "short_epochs", self.short_epochs, "0 or more")
        expect(self.short_length >= 8, "short_length", self.short_length, "8 or more")
        for field in ("mask_share", "most_unknown", "short_share"):
            share = getattr(self, field)
            expect(0 < share < 1, field, share, "a share in (0, 1)")

    def expect_one_encoder(self) -> None:
        """Refuses what shapes a new encoder beside one that is there.

        Only when a run is begun: it was ignored once, and runs that were begun so are
        read, measured and gone on with as ever.

        Raises:
            UserError: if there is something of both.
        """
        if self.encoder is None:
            return
        given = [
            "--" + field.replace("_", "-")
            for field in _OF_A_NEW_ENCODER
            if getattr(self, field) != getattr(PretrainSettings, field)
        ]
        if not self.lowercase:
            given.append("--no-lowercase")
        if given:
            raise UserError(
                f"Got {', '.join(given)} for a new encoder beside --encoder "
                f"{self.encoder}, which has its own size and words. Give one of the "
                "two."
            )

    @property
    def reads_records(self) -> bool:
        """Whether `data` is records that another program made of documents."""
        names = [name.strip() for name in self.data.split(",")]
        return all(name.endswith((".tfrecord", ".tf_record")) for name in names)

    @property
    def num_short_epochs(self) -> int:
        """How many epochs have short sequences; never all of them."""
        if self.reads_records or self.short_length >= self.max_length:
            return 0
        return min(self.short_epochs, self.epochs - 1)

    @classmethod
    def fixed_fields(cls) -> tuple[str, ...]:
        new = {field.name for field in dataclasses.fields(cls)} - {
            field.name for field in dataclasses.fields(RunSettings)
        }
        return ("data", *sorted(new), *super().fixed_fields())

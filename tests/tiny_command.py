"""The command line in this process, and an encoder that can read data/."""

import contextlib
import dataclasses
import io
import json
import pathlib
import unittest.mock

import tiny_bundle
from safetensors.numpy import save_file

from bert_cpu import cli

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
# What keeps a run short: one layer, one pass, one large batch.
QUICK = (
    *("--max-length", "24", "--epochs", "1", "--batch-size", "64"),
    *("--threads", "1", "--dtype", "float32"),
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a command left: its exit code, and the texts of its two streams."""

    code: int
    out: str
    err: str

    @property
    def mistake(self):
        """The one line of a refused command, without what every one begins with."""
        assert (self.code, self.out) == (2, ""), self
        assert self.err.startswith("bert-cpu: "), self.err
        assert self.err.endswith("\n"), self.err
        assert self.err.count("\n") == 1, self.err
        return self.err.removeprefix("bert-cpu: ").rstrip("\n")


def bert_cpu(*arguments, stdin=b""):
    """Runs `bert-cpu ARGUMENTS` here, with bytes on its standard input."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        unittest.mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin))),
    ):
        code = cli.main([str(argument) for argument in arguments])
    return Outcome(code, out.getvalue(), err.getvalue())


def succeed(*arguments, stdin=b""):
    """Runs a command that must end well."""
    outcome = bert_cpu(*arguments, stdin=stdin)
    assert outcome.code == 0, outcome.err
    return outcome


def write_alphabet_encoder(directory, characters=None, num_layers=1):
    """A checkpoint with random weights that reads text letter by letter.

    Args:
        directory: where it goes. It has a vocab.txt and no tokenizer.json, and
            its tensors lack the `bert.` in front, as some checkpoints' do.
        characters: its vocabulary. Default: all that occur in data/.
        num_layers: how many blocks it has.
    """
    if characters is None:
        texts = [path.read_text(encoding="utf-8") for path in DATA.iterdir()]
        characters = {letter for text in texts for letter in text.lower()}
    letters = sorted(letter for letter in characters if not letter.isspace())
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [*letters, *(f"##{letter}" for letter in letters)]
    config = tiny_bundle.CONFIG | {
        "vocab_size": len(words),
        "hidden_size": 32,
        "num_hidden_layers": num_layers,
        "max_position_embeddings": 64,
    }
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (directory / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    tensors = {
        name.removeprefix("bert."): tensor
        for name, tensor in tiny_bundle.random_weights(config).items()
        if name.startswith("bert.")
    }
    save_file(tensors, directory / "model.safetensors")
    return directory


@dataclasses.dataclass(frozen=True)
class CommandRun:
    """What `bert-cpu train` and `bert-cpu export` left, and what they said."""

    directory: pathlib.Path  # That of the run.
    encoder: pathlib.Path
    trained: Outcome
    exported: Outcome

    @property
    def where(self):
        """The options that name this run."""
        return "--runs-dir", self.directory.parent, "--name", self.directory.name

    def read_json(self, name):
        return json.loads((self.directory / name).read_text(encoding="utf-8"))


def train_and_export(directory, name, *options):
    """Trains a run under `directory` on what `options` say, and converts it."""
    encoder = directory / "encoder"
    if not encoder.exists():
        write_alphabet_encoder(encoder)
    runs_dir = directory / "runs"
    where = ("--runs-dir", runs_dir, "--name", name)
    trained = succeed("train", "--encoder", encoder, *where, *QUICK, *options)
    exported = succeed("export", "--threads", 1, *where)
    return CommandRun(runs_dir / name, encoder, trained, exported)

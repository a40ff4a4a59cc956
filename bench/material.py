"""What the contestants are given: weights, trained runs and texts, made once."""

import csv
import itertools
import json
import os
import pathlib
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from bench.answering import read_jsonl
from bench.code_digest import package_digest
from bench.contestant import ROOT, contestant_environment
from bench.new_process import CLI
from bench.read_tuned import read_tuned
from bench.workplace import Workplace
from bench.write_checkpoint import BASE_SHAPE, MINILM_SHAPE, write_checkpoint
from bert_cpu.data.minilm import minilm_directory
from bert_cpu.storage import write_json

# Tokens in the longest sequence of the runs that answer, in all jobs and in quick ones.
_MAX_LENGTH, _QUICK_MAX_LENGTH = 384, 128
_NUM_SEQUENCES = 16


class Material:
    """Makes what a case needs when it is first asked for, and keeps it.

    Args:
        workplace: its directory keeps it.
        is_quick: train for half a minute: as fast to answer with, only less accurate;
            and no longer texts than quick jobs have, for which little is converted.

    Attributes:
        max_length: int. Tokens in the longest sequence of the runs that answer.
    """

    def __init__(self, workplace: Workplace, is_quick: bool):
        self._workplace = workplace
        self._directory = workplace.directory / ("quick" if is_quick else "full")
        self._is_quick = is_quick
        self.max_length = _QUICK_MAX_LENGTH if is_quick else _MAX_LENGTH

    @property
    def runs_dir(self) -> pathlib.Path:
        return self._directory / "runs"

    def encoder(self) -> str:
        """MiniLM-L6 in the Hugging Face layout."""
        return str(minilm_directory())

    def checkpoint(self, name: str) -> str:
        """A classifier's weights: "minilm", pre-trained, or "base", random."""
        directory = self._workplace.directory / "checkpoints" / name
        if name == "minilm":
            write_checkpoint(directory, MINILM_SHAPE, minilm_directory())
        else:
            write_checkpoint(directory, BASE_SHAPE)
        return str(directory)

    def trained(self, source: str) -> dict[str, str]:
        """A converted run on a data set, as the cases of answering take it.

        Args:
            source: a TensorFlow data set, such as "movie_reviews".
        """
        run = self.runs_dir / source
        if not (run / "metrics.json").exists():  # Written last.
            minutes = {"movie_reviews": 15, "bbc_news": 15}[source]
            self._bert_cpu(
                *("train", "--data", f"tfds:{source}", "--name", source),
                *("--runs-dir", str(self.runs_dir), "--epochs", "2", "--overwrite"),
                *("--max-length", str(self.max_length)),
                *("--minutes", "0.5" if self._is_quick else str(minutes)),
            )
        self._convert(run)
        texts = self.splits(source)
        return {
            "run": str(run),
            "bundle": str(run / "bundle"),
            "texts": texts["test"],
            "calibration": texts["validation"],
        }

    def embedder(self, name: str, texts: Sequence[str], max_length: int) -> str:
        """A converted run of the encoder as it is, for vectors of texts.

        Args:
            name: of these texts; a run that is there is kept.
            texts: each makes a pair with itself: nothing is learned from them.
            max_length: in tokens.
        """
        run = self.runs_dir / f"vectors_{name}"
        if not (run / "metrics.json").exists():  # Written last.

            def write(path):
                with path.open("w", encoding="utf-8") as file:
                    for text in texts:
                        row = {"text": text, "text_pair": text}
                        file.write(json.dumps(row, ensure_ascii=False) + "\n")

            pairs = self._make(f"pairs_{name}.jsonl", write)
            self._bert_cpu(
                *("train", "--task", "embed", "--epochs", "0", "--overwrite"),
                *("--data", pairs, "--validation", pairs, "--test", pairs),
                *("--encoder", self.encoder(), "--max-length", str(max_length)),
                *("--name", run.name, "--runs-dir", str(self.runs_dir)),
            )
        self._convert(run)
        return str(run)

    def _convert(self, run: pathlib.Path) -> None:
        """Converts it, also again after the code or the profile was changed."""
        stamp = run / "converted_by.json"
        now = {"code": package_digest(), "tuned": read_tuned()}
        is_there = (run / "tflite").exists() and stamp.exists()
        if is_there and json.loads(stamp.read_text(encoding="utf-8")) == now:
            return
        self._bert_cpu("export", "--name", run.name, "--runs-dir", str(run.parent))
        write_json(stamp, now)

    def splits(self, source: str) -> dict[str, str]:
        """jsonl files of a data set's splits, with `text` and `label`."""
        directory = self._workplace.directory / "texts" / source
        if not directory.exists():
            python = self._workplace.pythons["ours"]
            self._call([python, "-m", "bench.ours.write_texts", source, str(directory)])
        return {
            split: str(directory / f"{split}.jsonl")
            for split in ("train", "validation", "test")
        }

    def sequences(self, length: int) -> str:
        """A file of sequences of just so many tokens, cut from real texts."""

        def write(path):
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_file(f"{self.encoder()}/tokenizer.json")
            tokenizer.no_padding()
            tokenizer.no_truncation()
            rows = read_jsonl(self.splits("movie_reviews")["test"])
            ids = list(
                itertools.chain.from_iterable(
                    tokenizer.encode(row["text"], add_special_tokens=False).ids
                    for row in rows
                )
            )
            first, last = tokenizer.encode("").ids
            size = length - 2
            sequences = [
                [first, *ids[place : place + size], last]
                for place in range(0, _NUM_SEQUENCES * size, size)
            ]
            path.write_text(json.dumps(sequences), encoding="utf-8")

        return self._make(f"sequences_{length}.json", write)

    def csv(self, rows: int) -> str:
        """A csv file of so many different texts, real ones with a number behind."""

        def write(path):
            examples = read_jsonl(self.splits("movie_reviews")["train"])
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["text", "label"])
                for number, row in enumerate(
                    itertools.islice(itertools.cycle(examples), rows)
                ):
                    # Its own words, so that no text is another's double.
                    writer.writerow([f"{row['text']} {number}", row["label"]])

        return self._make(f"rows_{rows}.csv", write)

    def _make(self, name: str, write: Callable[[pathlib.Path], Any]) -> str:
        path = self._workplace.directory / "texts" / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(f".{name}")
            write(aside)
            os.replace(aside, path)
        return str(path)

    def _bert_cpu(self, *arguments: str) -> None:
        python = self._workplace.pythons["ours"]
        self._call([python, *CLI, *arguments])

    def _call(self, command: list[str]) -> None:
        log = self._workplace.directory / "logs" / "material.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        threads = len(self._workplace.cores)
        environment = contestant_environment(os.environ, threads)
        # The encoder and the data sets are fetched here, before anything is timed.
        with log.open("ab") as file:
            result = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=file, stderr=file
            )
        if result.returncode:
            raise SystemExit(f"'{' '.join(command)}' failed: {log} says why.")

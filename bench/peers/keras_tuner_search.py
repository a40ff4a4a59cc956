"""Keras Tuner with KerasHub's BERT, as one process: a sweep as a user would write it.

    python -m bench.peers.keras_tuner_search GIVEN

GIVEN is a JSON object: `encoder`; `train` and `validation`, jsonl files with `text` and
`label`; `directory`, for the trials, which must not be there; `max_length`; `dtype`, a
policy of Keras's; `epochs`, `seed` and `budget_seconds`, see `bench.tuning.keras_loop`.
"""

import json
import pathlib
import sys

import keras
from tokenizers import Tokenizer

from bench.answering import read_jsonl
from bench.peers.keras_hub_classifier import KerasHubClassifier
from bench.tuning.keras_loop import Split, keras_loop


def main() -> None:
    given = json.loads(sys.argv[1])
    keras.config.set_dtype_policy(given["dtype"])
    encoder = pathlib.Path(given["encoder"])
    config = json.loads((encoder / "config.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(given["max_length"])
    train, validation = (read_jsonl(given[name]) for name in ("train", "validation"))
    labels = sorted({row["label"] for row in train})

    def split(rows):
        encodings = tokenizer.encode_batch([row["text"] for row in rows])
        return Split(
            [encoding.ids for encoding in encodings],
            [labels.index(row["label"]) for row in rows],
        )

    keras_loop(
        KerasHubClassifier(encoder),
        (split(train), split(validation)),
        pathlib.Path(given["directory"]),
        config["num_hidden_layers"],
        given["epochs"],
        given["seed"],
        given["budget_seconds"],
    )


if __name__ == "__main__":
    main()

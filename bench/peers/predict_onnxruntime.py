"""The least program that answers a text by ONNX Runtime.

python -m bench.peers.predict_onnxruntime MODEL BUNDLE TEXT
"""

import json
import pathlib
import sys

import numpy as np
from tokenizers import Tokenizer

from bench.peers.onnxruntime_session import open_session


def main() -> None:
    model, bundle, text = sys.argv[1:]
    session = open_session(pathlib.Path(model))
    tokenizer = Tokenizer.from_file(str(pathlib.Path(bundle) / "tokenizer.json"))
    tokenizer.no_padding()  # MiniLM's file asks for 128 tokens.
    ids = np.array([tokenizer.encode(text).ids], np.int64)
    feed = {
        "input_ids": ids,
        "token_type_ids": np.zeros_like(ids),
        "attention_mask": np.ones_like(ids),
    }
    logits = session.run(None, feed)[0][0]
    description = pathlib.Path(bundle) / "bert_cpu.json"
    print(json.loads(description.read_text())["labels"][int(logits.argmax())])


if __name__ == "__main__":
    main()

"""Writes the vectors of texts: transformers' BERT, mean pooling, length 1.

    python -m bench.peers.mean_pooling MODEL MAX_LENGTH TEXTS.json VECTORS.npy

TEXTS.json holds a list of str; VECTORS.npy gets float64 `(texts, hidden_size)`.
"""

import json
import sys

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer


def main() -> None:
    directory, max_length, source, target = sys.argv[1:]
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModel.from_pretrained(directory, dtype=torch.float32).eval()
    with open(source, encoding="utf-8") as file:
        texts = json.load(file)
    vectors = []
    for text in texts:
        # One by one: padding would change the order of its sums.
        tokens = tokenizer(
            text, truncation=True, max_length=int(max_length), return_tensors="pt"
        )
        with torch.inference_mode():
            hidden = model(**tokens).last_hidden_state[0].double()
        mean = hidden.mean(dim=0).numpy()  # Without padding, all tokens are real.
        vectors.append(mean / np.linalg.norm(mean))
    np.save(target, np.stack(vectors))


if __name__ == "__main__":
    main()

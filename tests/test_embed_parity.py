"""MiniLM's vectors next to transformers' mean pooling, on PyTorch."""

import csv

import numpy as np
import pytest

from bert_cpu.models.checkpoint import open_checkpoint
from bert_cpu.models.encoder import build_encoder
from bert_cpu.tasks.embed import Embed

CHINESE = ["一部好电影", "今天下雨，我们不去了。", "这家店的服务很好"]


@pytest.mark.slow
def test_vectors_are_those_of_transformers_mean_pooling(project_dir):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    with (project_dir / "data" / "reviews_en.csv").open(encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)][:47] + CHINESE
    checkpoint = open_checkpoint("minilm")
    tokens = dict(checkpoint.tokenizer(texts, padding=True, return_tensors="np"))
    features = {name: np.int32(ids) for name, ids in tokens.items()}

    encoder = build_encoder(checkpoint.config)
    checkpoint.assign_to(encoder)
    pairs = {
        # The other way round, so that each text has other neighbours there.
        "pair_ids": features["input_ids"][::-1],
        "pair_mask": features["attention_mask"][::-1],
    }
    ours = Embed().build(encoder, (), 0.1)(features | pairs)

    theirs = transformers.BertModel.from_pretrained(checkpoint.directory).eval()
    with torch.no_grad():
        hidden = theirs(
            **{name: torch.tensor(ids) for name, ids in tokens.items()}
        ).last_hidden_state.double()
    mask = torch.tensor(tokens["attention_mask"]).double()[:, :, None]
    mean = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)

    for vectors in (ours["vector"].numpy(), ours["pair_vector"].numpy()[::-1]):
        # float32 sums in another order, through six layers.
        cosines = (np.float64(vectors) * expected).sum(axis=1)
        assert len(cosines) == 50
        np.testing.assert_allclose(cosines, 1, rtol=0, atol=1e-5)
        np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)

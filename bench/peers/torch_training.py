"""transformers + PyTorch: training steps, eager or compiled, in float32 or bf16."""

from typing import Any

import torch
from transformers import BertForSequenceClassification

from bench.step_batch import (
    CLIP_NORM,
    EPSILON,
    LEARNING_RATE,
    NUM_CHECKED_STEPS,
    WEIGHT_DECAY,
    step_batch,
)


def open_case(given: dict[str, Any]) -> "Training":
    return Training(given)


class Training:
    """AdamW steps on one batch.

    Args:
        given: `checkpoint`, `batch`, `length`, `dropout`, `dtype` and `compile`.
    """

    def __init__(self, given: dict[str, Any]):
        self._given = given
        ids, labels = step_batch(given)
        self._inputs = {
            "input_ids": torch.from_numpy(ids).long(),
            "token_type_ids": torch.zeros(ids.shape, dtype=torch.long),
            "attention_mask": torch.ones(ids.shape, dtype=torch.long),
            "labels": torch.from_numpy(labels).long(),
        }
        self._step = self._make_step(self._make_model(given["dropout"]))

    def check(self) -> dict[str, Any]:
        """Logits before, and losses of some steps without dropout."""
        model = self._make_model(0.0)
        model.eval()
        with torch.inference_mode(), self._autocast():
            logits = model(**self._inputs).logits.float().tolist()
        model.train()
        step = self._make_step(model)
        return {"logits": logits, "losses": [step() for _ in range(NUM_CHECKED_STEPS)]}

    def run(self, count: int) -> tuple[float, dict[str, Any]]:
        for _ in range(count):
            self._step()
        return count * self._inputs["input_ids"].numel(), {}

    def _make_model(self, dropout):
        model = BertForSequenceClassification.from_pretrained(
            self._given["checkpoint"],
            dtype=torch.float32,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
            classifier_dropout=dropout,
        )
        model.train()
        return model

    def _make_step(self, model):
        weights = list(model.parameters())
        optimizer = torch.optim.AdamW(
            [
                {
                    "params": [weight for weight in weights if weight.dim() > 1],
                    "weight_decay": WEIGHT_DECAY,
                },
                {
                    "params": [weight for weight in weights if weight.dim() == 1],
                    "weight_decay": 0.0,
                },
            ],
            lr=LEARNING_RATE,
            eps=EPSILON,
            # The fastest that it has on a CPU: one pass over the weights.
            fused=True,
        )
        if self._given.get("compile"):
            model = torch.compile(model)

        def step() -> float:
            optimizer.zero_grad()
            with self._autocast():
                loss = model(**self._inputs).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, CLIP_NORM)
            optimizer.step()
            return loss.item()

        return step

    def _autocast(self):
        is_bfloat16 = self._given["dtype"] == "bfloat16"
        return torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16)

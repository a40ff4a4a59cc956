"""transformers + PyTorch answers: eager or compiled, in float32 or bf16."""

from typing import Any

import torch
from transformers import BertForSequenceClassification

from bench.answering import answering


def open_case(given: dict[str, Any]) -> Any:
    model = BertForSequenceClassification.from_pretrained(
        given["bundle"], dtype=torch.float32
    ).eval()
    if given.get("compile"):
        model = torch.compile(model, dynamic=given["kind"] == "texts")
    is_bfloat16 = given["dtype"] == "bfloat16"

    @torch.inference_mode()
    def run(ids, type_ids, mask):
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
            logits = model(
                input_ids=torch.from_numpy(ids),
                token_type_ids=torch.from_numpy(type_ids),
                attention_mask=torch.from_numpy(mask),
            ).logits
        return logits.float().numpy()

    return answering(given, run)

"""ONNX files of a bundle, made once: as exported, fused, and with int8 weights.

python -m bench.peers.onnx_files BUNDLE VARIANT FILE
"""

import json
import os
import pathlib
import subprocess
import sys

# Its `__name__` is another where it runs as a program.
_MODULE = "bench.peers.onnx_files"
_FLOAT = 1  # onnx.TensorProto.FLOAT
INPUTS = ("input_ids", "token_type_ids", "attention_mask")


def onnx_file(bundle: str, variant: str) -> pathlib.Path:
    """Makes a file in a process of its own, so that this one holds no torch.

    Args:
        bundle: a trained classifier in the Hugging Face layout.
        variant: "plain", as torch exports it; "float32", with ONNX Runtime's own
            fusions for BERT; or "int8", that with its dynamic quantization.
    """
    path = pathlib.Path(bundle).with_name(f"onnx_{variant}.onnx")
    if not path.exists():
        subprocess.run(
            [sys.executable, "-m", _MODULE, bundle, variant, str(path)],
            check=True,
            stdout=sys.stderr,
        )
    return path


def main() -> None:
    bundle, variant, name = sys.argv[1:]
    path = pathlib.Path(name)
    aside = path.with_name(f"{path.stem}.partial.onnx")
    {"plain": _export, "float32": _fuse, "int8": _quantize}[variant](bundle, aside)
    os.replace(aside, path)


def _export(bundle, path):
    import torch
    from transformers import BertForSequenceClassification

    model = BertForSequenceClassification.from_pretrained(
        bundle, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    example = torch.ones((2, 8), dtype=torch.long)
    axes = {0: "batch", 1: "length"}
    torch.onnx.export(
        model,
        tuple(example for _ in INPUTS),
        str(path),
        # The order of `forward`, which these are given in.
        input_names=["input_ids", "attention_mask", "token_type_ids"],
        output_names=["logits"],
        dynamic_axes={**dict.fromkeys(INPUTS, axes), "logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )


def _fuse(bundle, path):
    from onnxruntime.transformers.optimizer import optimize_model

    config = json.loads((pathlib.Path(bundle) / "config.json").read_text())
    fused = optimize_model(
        str(onnx_file(bundle, "plain")),
        "bert",
        config["num_attention_heads"],
        config["hidden_size"],
    )
    fused.save_model_to_file(str(path))


def _quantize(bundle, path):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        onnx_file(bundle, "float32"),
        path,
        per_channel=True,
        weight_type=QuantType.QInt8,
        # Without VNNI, sums of two products can overflow 16 bits at full range.
        reduce_range=not _has_vnni(),
        # What comes out of fused operations, whose types nothing infers.
        extra_options={"DefaultTensorType": _FLOAT},
    )


def _has_vnni():
    try:
        return "vnni" in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


if __name__ == "__main__":
    main()

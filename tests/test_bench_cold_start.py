"""The peer's program of a cold start reads a text as ours does."""

import json
import sys
import types

import numpy as np
import tiny_bundle

TEXT = "good bad"


def test_the_peer_is_not_given_padding(tmp_path, monkeypatch, capsys):
    """The tokenizer's file asks for 128 tokens of any text, as MiniLM's does."""
    bundle = tiny_bundle.write_bundle(tmp_path / "bundle")
    tokenizer = tiny_bundle.tiny_tokenizer()
    assert len(tokenizer.encode(TEXT).ids) == 128
    tokenizer.no_padding()
    fed = []

    class Session:
        def run(self, _, feed):
            fed.append(feed)
            return [np.array([[0.0, 1.0, -1.0]])]

    # ONNX Runtime is in the peers' environment alone.
    session = types.SimpleNamespace(open_session=lambda _: Session())
    monkeypatch.setitem(sys.modules, "bench.peers.onnxruntime_session", session)
    from bench.peers import predict_onnxruntime

    monkeypatch.setattr(sys, "argv", ["predict", "model.onnx", str(bundle), TEXT])
    predict_onnxruntime.main()
    assert fed[0]["input_ids"].tolist() == [tokenizer.encode(TEXT).ids]
    labels = json.loads((bundle / "bert_cpu.json").read_text())["labels"]
    assert capsys.readouterr().out == f"{labels[1]}\n"

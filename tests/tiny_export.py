"""A tiny classifier exported, what it is compared on, and its logits in longhand."""

import types

import numpy as np
import tiny_bundle

from bert_cpu.example import Example
from bert_cpu.export.export_tflite import export_tflite
from bert_cpu.hardware.answering import Answering
from bert_cpu.runtime.answered import Answered
from bert_cpu.tasks.classify import Answer, Classify
from bert_cpu.text.windows import Reading

BUCKETS = [16, 24, 32, 40]


def sequences_at_edges():
    """Lengths on both sides of every bucket's edge; half have a second segment."""
    random = np.random.default_rng(1)
    lengths = (2, 5, 15, 16, 17, 31, 32, 33, 40)
    return [
        (
            random.integers(0, tiny_bundle.CONFIG["vocab_size"], length),
            (np.arange(length) > length // 2).astype(int) * (length % 2),
        )
        for length in lengths
    ]


def expected_logits(weights, sequences):
    """What a model with these weights says of each sequence, in longhand."""
    return np.stack(
        [
            tiny_bundle.longhand_logits(weights, tiny_bundle.CONFIG, ids, kinds)
            for ids, kinds in sequences
        ]
    )


def export_tiny(run_dir, weights, sequences, expected):
    """Makes a run directory, exports it, and returns the report and what was said.

    The trained model's logits are `expected`, and it is right but once.
    """
    tiny_bundle.write_bundle(run_dir / "bundle", weights)
    (run_dir / "tflite").mkdir()
    (run_dir / "tflite" / "old").write_text("left by the last conversion")
    answered = answered_by(expected, sequences, truths(expected))
    lines = []
    report = export_tflite(
        run_dir,
        Classify(),
        tiny_bundle.LABELS,
        iter(answered),
        Answering(threads=1, instances=1, threads_each=1),
        lines.append,
    )
    return report, lines


def truths(logits):
    """The likeliest labels' ids, but for the first, which is another one."""
    labels = logits.argmax(1)
    labels[0] = (labels[0] + 1) % 3
    return labels


def answered_by(logits, sequences, labels):
    """Sequences as a trained model answered them, which has these logits."""
    names = tiny_bundle.LABELS
    return [
        Answered(
            Example("a text", None, names[label], ""),
            Reading([types.SimpleNamespace(ids=ids, type_ids=kinds)], False),
            [{"logits": row}],
            Answer("a text", names[row.argmax()], {}),
        )
        for row, (ids, kinds), label in zip(logits, sequences, labels, strict=True)
    ]

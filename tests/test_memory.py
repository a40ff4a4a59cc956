"""The memory that training and answering are said to need."""

import dataclasses

import pytest
from made_up_computer import BERT_BASE, MINILM

from bert_cpu.errors import UserError
from bert_cpu.hardware.encoder_shape import EncoderShape
from bert_cpu.hardware.memory import (
    MemoryEstimate,
    check_training_memory,
    estimate_inference_memory,
    estimate_training_memory,
    format_bytes,
)
from bert_cpu.hardware.profile import choose_profile
from bert_cpu.hardware.trains_natively import trains_natively


# Peak resident MiB of a process that trained these layers for three steps with
# clipping and Adam, TensorFlow 2.21: dtype, blocks, batch, length, hidden size.
@pytest.mark.parametrize(
    ("dtype", "blocks", "batch_size", "length", "hidden_size", "measured"),
    [
        ("float32", 6, 32, 128, 384, 2790),
        ("float32", 3, 32, 128, 384, 1989),
        ("float32", 6, 16, 128, 384, 1889),
        ("float32", 6, 8, 384, 384, 3202),
        ("float32", 4, 8, 128, 768, 2008),
        ("bfloat16", 6, 32, 128, 384, 2246),
        ("bfloat16", 6, 8, 384, 384, 2612),
        ("bfloat16", 4, 8, 128, 768, 1892),
    ],
)
def test_the_estimate_is_near_measured_peaks(
    dtype, blocks, batch_size, length, hidden_size, measured
):
    heads = hidden_size // 32
    shape = EncoderShape(30522, hidden_size, blocks, heads, 4 * hidden_size, 512)
    estimate = estimate_training_memory(shape, batch_size, length, dtype=dtype)
    assert estimate.total / (1 << 20) == pytest.approx(measured, rel=0.15)


# In C++, by TensorFlow 2.21 on AVX512-BF16, with bench/ours/training.py.
@pytest.mark.parametrize(
    ("shape", "batch_size", "length", "measured"),
    [
        (MINILM, 8, 128, 1333),
        (MINILM, 8, 512, 1551),
        (BERT_BASE, 8, 128, 3103),
    ],
)
def test_the_estimate_of_training_in_cpp_is_near_measured_peaks(
    shape, batch_size, length, measured
):
    estimate = estimate_training_memory(
        shape, batch_size, length, dtype="bfloat16", is_native=True
    )
    assert estimate.total / (1 << 20) == pytest.approx(measured, rel=0.1)


def test_in_cpp_memory_grows_with_the_length_and_not_with_its_square():
    def activations(length, **options):
        shape = dataclasses.replace(MINILM, max_position_embeddings=length)
        return estimate_training_memory(
            shape, 8, length, dtype="bfloat16", is_native=True, **options
        ).activations

    assert activations(1024) == 2 * activations(512)
    # Three of six blocks, and the one that is being differentiated.
    frozen = activations(512, trainable_share=MINILM.trainable_share(3))
    assert frozen == activations(512) * 4 // 7


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        (MINILM, {}, True),
        (MINILM, {"threads": 1}, True),
        (MINILM, {"threads": 8}, True),
        (MINILM, {"threads": 16}, False),  # They share out each operation.
        (MINILM, {"dtype": "float32"}, False),
        (dataclasses.replace(MINILM, intermediate_size=1500), {}, False),
        (dataclasses.replace(MINILM, num_attention_heads=16), {}, False),
    ],
)
def test_what_will_be_trained_in_cpp(computer, monkeypatch, shape, options, expected):
    profile = choose_profile(computer({}), **{"threads": 2, **options})
    monkeypatch.setattr(
        "bert_cpu.hardware.trains_natively.why_no_training_library", lambda: None
    )
    assert trains_natively(shape, profile) == expected
    monkeypatch.setattr(
        "bert_cpu.hardware.trains_natively.why_no_training_library", lambda: "none"
    )
    assert not trains_natively(shape, profile)


def test_each_setting_moves_its_own_part_of_the_estimate():
    def estimate(batch_size=32, length=128, **options):
        return estimate_training_memory(MINILM, batch_size, length, **options)

    plain = estimate()
    weights = 4 * (22_713_216 + 2 * 385)
    assert plain.weights == weights
    assert estimate(ema=True).optimizer - plain.optimizer == weights
    assert estimate(accumulate=True).gradients - plain.gradients == weights
    # What it brings, and half of what two get.
    assert estimate(num_workers=2).gradients - plain.gradients == weights * 3 // 2
    assert estimate(batch_size=64).activations == 2 * plain.activations
    # Attention's part grows with the square.
    assert estimate(length=256).activations > 2 * plain.activations
    assert estimate(dtype="bfloat16").activations < plain.activations
    assert estimate(dtype="bfloat16").weights == plain.weights
    frozen = estimate(trainable_share=MINILM.trainable_share(3))
    # Three of six blocks, and the one that is being differentiated.
    assert frozen.activations == plain.activations * 4 // 7
    assert frozen.weights == plain.weights


def test_answering_needs_a_fraction_of_training():
    int8 = estimate_inference_memory(MINILM, 1, 128, dtype="int8")
    # 87 MB were measured for this model.
    assert int8.total == pytest.approx(87e6, rel=0.1)
    float32 = estimate_inference_memory(MINILM, 1, 128)
    assert int8.total < float32.total < 250e6
    assert float32.gradients == float32.optimizer == 0


def test_an_estimate_reads_as_one_line():
    estimate = MemoryEstimate(87_000_000, 0, 5_400_000, 1_250_000_000, 600_000_000)
    assert estimate.total == 1_942_400_000
    assert str(estimate) == (
        "1.9 GB (weights 87 MB, optimizer 5 MB, activations 1.2 GB, runtime 600 MB)"
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 MB"), (999_400_000, "999 MB"), (999_600_000, "1.0 GB")],
)
def test_sizes_never_read_as_a_thousand_megabytes(size, text):
    assert format_bytes(size) == text


def test_training_that_does_not_fit_is_refused_with_what_would_help(computer):
    hardware = computer({})  # 12 GiB available.
    big_batch = estimate_training_memory(BERT_BASE, 256, 512)
    with pytest.raises(UserError, match=r"but 12\.9 GB are available. Lower --batch"):
        check_training_memory(big_batch, hardware)
    check_training_memory(estimate_training_memory(BERT_BASE, 1, 512), hardware)


def test_a_model_too_big_for_any_batch_gets_other_advice(computer):
    hardware = computer({"proc/meminfo": "MemTotal: 999 kB\nMemAvailable: 999 kB\n"})
    estimate = estimate_training_memory(MINILM, 1, 16)
    with pytest.raises(UserError, match="1 MB are available. Choose a smaller"):
        check_training_memory(estimate, hardware)


def test_each_worker_needs_memory_of_its_own(computer):
    hardware = computer({})
    estimate = estimate_training_memory(MINILM, 32, 128)
    check_training_memory(estimate, hardware, workers=4)
    with pytest.raises(UserError, match="in 8 processes"):
        check_training_memory(estimate, hardware, workers=8)

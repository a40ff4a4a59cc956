"""What `bert-cpu hardware` says of a computer, and of what fits into it."""

import json

from made_up_computer import GIB, MINILM

from bert_cpu.hardware.describe import describe_hardware, hardware_json
from bert_cpu.hardware.encoder_shape import EncoderShape
from bert_cpu.hardware.fit import fit_model
from bert_cpu.hardware.profile import choose_profile


def test_the_description_ends_with_choices_and_what_fits(computer):
    hardware = computer(
        {"proc/meminfo": "MemTotal: 2000000 kB\nMemAvailable: 999999 kB"}
    )
    profile = choose_profile(hardware)
    text = describe_hardware(hardware, profile, fit_model("a/b", MINILM, profile))
    lines = text.splitlines()
    assert {line[12:14] for line in lines} == {"  "}  # Aligned, values from 14 on.
    assert all(line[14] != " " for line in lines)
    values = {line.split()[0]: line[14:] for line in lines}
    assert values["processor"] == "Intel(R) Xeon(R) Platinum 8481C (GenuineIntel)"
    assert values["memory"] == "1.0 GB available of 2.0 GB"
    assert values["caches"] == "L2 2 MiB, L3 105 MiB"
    assert list(values)[-5:] == ["will", "because", "encoder", "training", "answering"]
    assert "bfloat16, 8 threads, oneDNN on" in values["will"]
    assert values["because"] == profile.why
    assert values["encoder"] == "a/b, 22,713,216 parameters"
    assert values["training"].startswith("does not fit: ")
    assert values["answering"].startswith("fits: one text, length 128")


def test_a_description_without_an_encoder_says_nothing_of_fitting(computer):
    hardware = computer({})
    text = describe_hardware(hardware, choose_profile(hardware))
    assert "fit" not in text


def test_json_says_the_same_and_can_be_written(computer):
    hardware = computer({})
    profile = choose_profile(hardware)
    fits = fit_model("a/b", MINILM, profile, batch_size=4096)
    answer = json.loads(json.dumps(hardware_json(hardware, profile, fits)))
    assert answer["hardware"]["memory_available"] == 12 * GIB
    assert answer["profile"]["environment"]["OMP_NUM_THREADS"] == "8"
    assert answer["model"]["training"]["fits"] is False
    assert answer["model"]["training"]["total"] == fits.training.total
    assert answer["model"]["answering"]["fits"] is True
    assert "model" not in hardware_json(hardware, profile)


def test_a_short_encoder_is_asked_no_longer_texts_than_it_has_positions(computer):
    short = EncoderShape(100, 8, 1, 2, 16, 64)
    assert fit_model("a", short, choose_profile(computer({}))).length == 64

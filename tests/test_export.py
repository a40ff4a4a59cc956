"""What is exported answers as the trained model does, in the form promised."""

import dataclasses
import errno
import hashlib
import json
import pathlib
import re
import types

import numpy as np
import pytest
import tiny_bundle
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from safetensors.numpy import load_file
from sklearn.metrics import f1_score
from transformers import BertConfig

from bert_cpu.errors import UserError
from bert_cpu.example import Example
from bert_cpu.export import export_tflite as export_module
from bert_cpu.export.compare import choose, compare, measure_latency
from bert_cpu.export.export_tflite import export_tflite
from bert_cpu.export.lean_graph import LeanGraph
from bert_cpu.export.lean_weights import int8_rows
from bert_cpu.export.tflite import length_buckets
from bert_cpu.hardware.answering import Answering
from bert_cpu.models.bundle import BundleInfo, save_bundle
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.models.weights import collect_weights, encoder_names
from bert_cpu.runtime.answered import Answered
from bert_cpu.runtime.bucketed_interpreter import BucketedInterpreter
from bert_cpu.task import Task
from bert_cpu.tasks.classify import Answer, Classify
from bert_cpu.text.windows import Reading

BUCKETS = [16, 24, 32, 40]


@pytest.fixture(scope="module")
def weights():
    return tiny_bundle.random_weights()


@pytest.fixture(scope="module")
def sequences():
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


@pytest.fixture(scope="module")
def expected(weights, sequences):
    return np.stack(
        [
            tiny_bundle.longhand_logits(weights, tiny_bundle.CONFIG, ids, kinds)
            for ids, kinds in sequences
        ]
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory, weights, sequences, expected):
    """A run directory and its report; the trained model is right but once."""
    run_dir = tmp_path_factory.mktemp("runs") / "tiny"
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
    return run_dir, report, lines


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


@pytest.fixture(scope="module")
def converted(exported):
    directory = exported[0] / "tflite"
    return {name: directory / f"{name}.tflite" for name in ("float32", "int8")}


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu", "silu"])
def test_lean_graph_agrees_with_longhand(weights, activation, sequences):
    config = tiny_bundle.CONFIG | {"hidden_act": activation}
    ids, kinds = sequences[4]
    actual = LeanGraph(weights, config, Classify()).signature(len(ids))(
        input_ids=np.int32([ids]),
        token_type_ids=np.int32([kinds]),
        attention_mask=np.ones((1, len(ids)), np.int32),
    )
    expected = tiny_bundle.longhand_logits(weights, config, ids, kinds)
    np.testing.assert_allclose(actual["logits"][0], expected, atol=2e-5)


# Keras 3.15 gives its variables to NumPy 2 in the old way.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_bundle_of_a_keras_model_answers_as_the_model_does(tmp_path, sequences):
    config = BertConfig(**tiny_bundle.CONFIG, initializer_range=0.2)
    encoder = build_encoder(config)
    model = Classify().build(encoder, ("a", "b", "c"), 0.0)
    tokenizer_dir = tiny_bundle.write_bundle(tmp_path / "tokenizer")
    save_bundle(
        tmp_path / "bundle",
        model,
        Classify(),
        config,
        load_tokenizer(tokenizer_dir),
        BundleInfo("classify", ("a", "b", "c"), 40, False, {}),
    )
    inputs = inputs_of(sequences[4])
    graph = LeanGraph(
        load_file(tmp_path / "bundle" / "model.safetensors"),
        json.loads((tmp_path / "bundle" / "config.json").read_text()),
        Classify(),
    )
    actual = graph.signature(inputs["input_ids"].shape[1])(**inputs)["logits"]
    np.testing.assert_allclose(actual, model(inputs)["logits"], atol=2e-5)


def inputs_of(sequence):
    ids, kinds = (np.int32([each]) for each in sequence)
    ones = np.ones_like(ids)
    return {"input_ids": ids, "token_type_ids": kinds, "attention_mask": ones}


class EveryToken(Task):
    """A head on every token."""

    reads_first_token = False
    lean_products = {"scores": "classifier"}

    def lean_outputs(self, graph, hidden, inputs):
        return {"scores": graph.product("scores", hidden)[None]}


def test_a_head_that_reads_every_token_gets_what_the_encoder_makes_of_each(sequences):
    config = BertConfig(**tiny_bundle.CONFIG, initializer_range=0.2)
    encoder = build_encoder(config)
    names = encoder_names(config.num_hidden_layers)
    weights = {
        f"bert.{name}": value
        for name, value in collect_weights(encoder, names).items()
        # Such a head's checkpoint has no pooler.
        if "pooler" not in name
    }
    random = np.random.default_rng(0)
    matrix, bias = (random.normal(size=s).astype("float32") for s in ((3, 64), 3))
    head = {"classifier.weight": matrix, "classifier.bias": bias}
    inputs = inputs_of(sequences[4])
    graph = LeanGraph(weights | head, config.to_dict(), EveryToken())
    # Padding is seen by none of the tokens before it.
    padded = {name: np.pad(each, [(0, 0), (0, 3)]) for name, each in inputs.items()}
    length = inputs["input_ids"].shape[1]
    actual = graph.signature(length + 3)(**padded)["scores"]
    assert actual.shape == (1, length + 3, 3)
    expected = encoder(inputs)["sequence"].numpy() @ matrix.T + bias
    np.testing.assert_allclose(actual[:, :length], expected, atol=5e-5)


def test_nothing_but_padding_makes_no_nan(weights):
    zeros = np.zeros((1, 16), np.int32)
    actual = LeanGraph(weights, tiny_bundle.CONFIG, Classify()).signature(16)(
        input_ids=zeros, token_type_ids=zeros, attention_mask=zeros
    )
    assert np.isfinite(actual["logits"]).all()


# Float export only reorders additions; int8 keeps about two digits of logits that
# are as large as 5 here.
@pytest.mark.parametrize("variant, atol", [("float32", 1e-4), ("int8", 0.2)])
def test_tflite_agrees_with_longhand_at_every_length(
    converted, variant, atol, sequences, expected
):
    model = BucketedInterpreter(converted[variant], BUCKETS, threads=1)
    actual = np.stack([model.run_ids(*each)["logits"] for each in sequences])
    np.testing.assert_allclose(actual, expected, atol=atol, rtol=0)


def test_int8_stores_every_large_matrix_as_int8_with_a_step_a_column(converted):
    model = _flatbuffer(converted["int8"])
    constants = [
        tensor
        for subgraph in model.subgraphs
        for tensor in subgraph.tensors
        if model.buffers[tensor.buffer].data is not None
        and len(tensor.shape) == 2
        and tensor.shape.prod() >= 1024
        # Rows of the position table are added, not multiplied, and stay float.
        and "strided_slice" not in tensor.name.decode()
    ]
    words = (tiny_bundle.CONFIG["vocab_size"], tiny_bundle.CONFIG["hidden_size"])
    matrices = [tensor for tensor in constants if tuple(tensor.shape) != words]
    # A block has qkv (the last: query and kv), attention, grow and shrink.
    assert len(matrices) == (4 + 5 + 1) * len(BUCKETS)
    assert {tensor.type for tensor in constants} == {schema.TensorType.INT8}
    assert all(len(each.quantization.scale) == each.shape[0] for each in matrices)
    assert len(constants) == len(matrices) + len(BUCKETS)


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_signatures_share_one_copy_of_the_words(converted, weights, variant):
    words = weights["bert.embeddings.word_embeddings.weight"]
    if variant == "int8":
        words = np.round(words / np.abs(words).max(1, keepdims=True) * 127)
        words = words.astype(np.int8)
    model = _flatbuffer(converted[variant])
    assert converted[variant].read_bytes().count(words[7:9].tobytes()) == 1
    large = [
        bytes(buffer.data)
        for buffer in model.buffers
        if buffer.data is not None and len(buffer.data) >= 4096
    ]
    assert len(large) == len(set(large))


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_file_has_builtin_operations_only_and_a_whole_gelu(converted, variant):
    model = _flatbuffer(converted[variant])
    codes = {
        max(code.builtinCode, code.deprecatedBuiltinCode): code.customCode
        for code in model.operatorCodes
    }
    assert set(codes.values()) == {None}
    assert schema.BuiltinOperator.CUSTOM not in codes
    assert schema.BuiltinOperator.GELU in codes
    keys = {signature.signatureKey.decode() for signature in model.signatureDefs}
    assert keys == {f"serve_{bucket}" for bucket in BUCKETS}


@given(
    numpy_strategies.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        elements=st.floats(-1e3, 1e3, width=32).map(
            lambda value: value if abs(value) > 1e-30 else 0.0
        ),
    )
)
def test_int8_rows_are_off_by_half_a_step_of_their_row_at_most(table):
    rounded, step = int8_rows(table)
    half = np.abs(table).max(1, keepdims=True) / 127 / 2
    assert rounded.dtype == np.int8
    assert (np.abs(rounded * step - table) <= half * 1.001).all()


def test_buckets_are_powers_of_two_and_middles_and_then_max_length():
    assert length_buckets(128) == [16, 24, 32, 48, 64, 96, 128]
    assert length_buckets(100) == [16, 24, 32, 48, 64, 96, 100]
    assert length_buckets(8) == [8]
    assert length_buckets(128, middle_lengths=False) == [16, 32, 64, 128]
    assert length_buckets(100, middle_lengths=False) == [16, 32, 64, 100]
    assert length_buckets(512, False) == [16, 32, 64, 128, 256, 512]


def test_report_counts_what_longhand_says(exported, sequences, expected):
    _, report, _ = exported
    by_name = {variant["name"]: variant for variant in report["variants"]}
    assert set(by_name) == {"float32", "int8"}
    assert report["examples"] == len(sequences)
    assert report["metrics"] == ["accuracy", "macro_f1"]
    f1 = f1_score(truths(expected), expected.argmax(1), average="macro")
    for found in (report["keras"], by_name["float32"]):
        assert found["accuracy"] == pytest.approx(8 / 9)
        assert found["macro_f1"] == pytest.approx(f1)
    assert by_name["float32"]["max_abs_difference"] < 1e-4
    assert 1e-4 < by_name["int8"]["max_abs_difference"] < 0.2
    for variant in report["variants"]:
        assert set(variant["latency_ms"]) == set(map(str, BUCKETS))
        assert all(value > 0 for value in variant["latency_ms"].values())


def test_directory_describes_every_file_in_it(exported):
    run_dir, report, lines = exported
    directory = run_dir / "tflite"
    model = json.loads((directory / "model.json").read_text())
    files = model.pop("files")
    assert {path.name for path in directory.iterdir()} - {"model.json"} == set(files)
    assert set(files) == {
        *("float32.tflite", "int8.tflite", "labels.txt", "report.json"),
        *("tokenizer.json", "tokenizer_rules.json", "vocab.txt"),
    }
    for name, stated in files.items():
        content = (directory / name).read_bytes()
        assert stated["size"] == len(content)
        assert stated["sha256"] == hashlib.sha256(content).hexdigest()
    assert model == {
        "format": "bert_cpu.tflite",
        "version": 1,
        "task": "classify",
        "options": {},
        "labels": tiny_bundle.LABELS,
        "max_length": 40,
        "stride": 0,
        "buckets": BUCKETS,
        "text_pair": False,
        "preprocess": {"normalize": False, "stop_words": "none", "stem": "none"},
        "chosen": report["chosen"],
    }
    assert (directory / "labels.txt").read_text() == "neg\nneutral\npos\n"
    assert json.loads((directory / "report.json").read_text()) == report
    assert lines[-1] == report["why"]


def test_no_working_directory_is_left(exported):
    run_dir, _, _ = exported
    assert {path.name for path in run_dir.iterdir()} == {"bundle", "tflite"}


@pytest.mark.parametrize(
    "int8_accuracy, int8_ms, chosen, why",
    [
        (0.870, 0.5, "int8", "int8 is 2.00 times as fast as float32"),
        (0.865, 0.5, "int8", "0.8650 against 0.8700, within 0.5 points"),
        (0.864, 0.5, "float32", "int8 loses 0.60 points of accuracy"),
        (0.880, 1.25, "float32", "int8 is only 0.80 times as fast as float32"),
    ],
)
def test_int8_is_kept_only_if_right_and_fast(int8_accuracy, int8_ms, chosen, why):
    # float32 takes 1 and 4 ms: the ratio of the means would be another.
    name, sentence = choose(
        [
            _variant("float32", 0.870, {"16": 1.0, "128": 4.0}),
            _variant("int8", int8_accuracy, {"16": int8_ms, "128": 4 * int8_ms}),
        ],
        "accuracy",
    )
    assert name == chosen
    assert why in sentence
    assert "\n" not in sentence


def test_latency_stays_within_its_time(converted):
    model = BucketedInterpreter(converted["float32"], BUCKETS, threads=1)
    latency = measure_latency({"a": model, "b": model}, BUCKETS, seconds=0.1)
    assert set(latency["a"]) == set(latency["b"]) == set(map(str, BUCKETS))


def test_outputs_of_another_number_of_windows_are_refused(
    converted, sequences, expected
):
    model = BucketedInterpreter(converted["float32"], BUCKETS, threads=1)
    (each,) = answered_by(expected[:1], sequences[:1], [0])
    wrong = dataclasses.replace(each, outputs=[*each.outputs, *each.outputs])
    with pytest.raises(ValueError, match="longer"):
        compare({"float32": model}, Classify(), tiny_bundle.LABELS, [wrong])


def test_every_window_of_a_text_counts_in_the_difference(
    converted, sequences, expected
):
    model = BucketedInterpreter(converted["float32"], BUCKETS, threads=1)
    parts = answered_by(expected[:3], sequences[:3], [0, 0, 0])
    whole = Answered(
        parts[0].example,
        Reading([window for each in parts for window in each.reading.windows], False),
        [output for each in parts for output in each.outputs],
        parts[0].answer,
    )
    whole.outputs[2]["logits"] = whole.outputs[2]["logits"] + [0, 7, 0]
    _, compared = compare({"a": model}, Classify(), tiny_bundle.LABELS, [whole])
    assert compared["a"].max_abs_difference == pytest.approx(7, abs=1e-3)


def test_a_metric_of_another_task_is_called_by_its_name():
    variants = [
        {"name": name, "exact_match": score, "latency_ms": {"16": 1.0}}
        for name, score in (("float32", 0.7), ("int8", 0.6))
    ]
    name, sentence = choose(variants, "exact_match")
    assert name == "float32"
    assert "loses 10.00 points of exact match" in sentence


def test_run_without_a_bundle_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"make train NAME=mine"):
        export_tflite(tmp_path / "mine", Classify(), tiny_bundle.LABELS, [])


def test_changed_bundle_is_refused(tmp_path):
    bundle = tiny_bundle.write_bundle(tmp_path / "mine" / "bundle")
    config = bundle / "config.json"
    config.write_text(config.read_text().replace("gelu", "relu"))
    with pytest.raises(UserError, match=r"config\.json' has sha256 .* changed since"):
        export_tflite(tmp_path / "mine", Classify(), tiny_bundle.LABELS, [])


def test_cut_bundle_is_refused(tmp_path):
    bundle = tiny_bundle.write_bundle(tmp_path / "mine" / "bundle")
    path = bundle / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        UserError, match=r"safetensors' has .* bytes, but .* were written"
    ):
        export_tflite(tmp_path / "mine", Classify(), tiny_bundle.LABELS, [])


def test_unknown_activation_is_refused(weights):
    with pytest.raises(UserError, match=r"hidden_act is 'elu'.*gelu, gelu_new"):
        LeanGraph(weights, tiny_bundle.CONFIG | {"hidden_act": "elu"}, Classify())


@pytest.mark.parametrize(
    "name",
    [
        "bert.encoder.layer.1.output.dense.weight",
        "bert.pooler.dense.weight",
        "classifier.bias",
    ],
)
def test_missing_weight_is_named(weights, name):
    incomplete = {each: weights[each] for each in weights if each != name}
    with pytest.raises(UserError, match=re.escape(f"no weight '{name}'")) as caught:
        LeanGraph(incomplete, tiny_bundle.CONFIG, Classify()).signature(16)
    assert "\n" not in str(caught.value)


def test_empty_test_split_is_refused_and_leaves_the_run_as_it_was(
    tmp_path, monkeypatch, converted
):
    tiny_bundle.write_bundle(tmp_path / "mine" / "bundle")
    monkeypatch.setattr(export_module, "convert", lambda *_: converted)
    old = tmp_path / "mine" / "tflite" / "model.json"
    old.parent.mkdir()
    old.write_text("the last conversion")
    with pytest.raises(UserError, match="test split is empty"):
        export_tflite(tmp_path / "mine", Classify(), tiny_bundle.LABELS, [])
    assert old.read_text() == "the last conversion"
    names = {path.name for path in (tmp_path / "mine").iterdir()}
    assert names == {"bundle", "tflite"}


def test_full_disk_is_said_and_leaves_the_run_as_it_was(tmp_path, monkeypatch):
    tiny_bundle.write_bundle(tmp_path / "mine" / "bundle")

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export_module, "convert", fail)
    with pytest.raises(UserError, match="disk is full"):
        export_tflite(tmp_path / "mine", Classify(), tiny_bundle.LABELS, [])
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {"bundle"}


def _variant(name, accuracy, latency_ms):
    return {"name": name, "accuracy": accuracy, "latency_ms": latency_ms}


def _flatbuffer(path: pathlib.Path):
    return schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)

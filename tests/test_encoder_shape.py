"""An encoder's size, as its config tells it."""

import json
import math

import pytest
from made_up_computer import BERT_BASE, MINILM

from bert_cpu.errors import UserError
from bert_cpu.hardware.encoder_shape import EncoderShape, read_encoder_shape


# Published counts: transformers' `BertModel.num_parameters()` of each checkpoint.
@pytest.mark.parametrize(
    ("shape", "published"),
    [
        (BERT_BASE, 109_482_240),  # bert-base-uncased
        (EncoderShape(21128, 768, 12, 12, 3072, 512), 102_267_648),  # -chinese
        (EncoderShape(30522, 1024, 24, 16, 4096, 512), 335_141_888),  # -large
        (EncoderShape(30522, 128, 2, 2, 512, 512), 4_385_920),  # bert-tiny
        (MINILM, 22_713_216),  # all-MiniLM-L6-v2
    ],
)
def test_parameters_are_those_of_published_checkpoints(shape, published):
    assert shape.parameters == published


def test_parameters_are_the_sizes_of_all_tensors_of_a_checkpoint():
    vocab, hidden, layers, intermediate, positions, segments = 11, 6, 3, 10, 7, 4
    tables = [(vocab, hidden), (positions, hidden), (segments, hidden)]
    norm = [(hidden,), (hidden,)]
    square = [(hidden, hidden), (hidden,)]
    widen = [(intermediate, hidden), (intermediate,)]
    narrow = [(hidden, intermediate), (hidden,)]
    block = 4 * square + norm + widen + narrow + norm
    tensors = tables + norm + layers * block + square  # The last is the pooler.
    shape = EncoderShape(vocab, hidden, layers, 2, intermediate, positions, segments)
    assert shape.parameters == sum(map(math.prod, tensors))


def test_freezing_takes_the_embeddings_with_the_lowest_layer():
    assert BERT_BASE.trainable_share(0) == 1
    # 12 blocks of 7,087,872 and a pooler of 590,592; embeddings 23,837,184.
    left = (10 * 7_087_872 + 590_592) / 109_482_240
    assert BERT_BASE.trainable_share(2) == pytest.approx(left)


CONFIG = {
    "model_type": "bert",
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
}


def write_config(directory, **changes):
    path = directory / "config.json"
    config = {key: v for key, v in (CONFIG | changes).items() if v is not None}
    path.write_text(json.dumps(config))
    return path


def test_a_config_is_read_with_and_without_what_may_be_left_out(tmp_path):
    assert read_encoder_shape(write_config(tmp_path)) == MINILM
    google = write_config(tmp_path, model_type=None, type_vocab_size=None)
    assert read_encoder_shape(google) == MINILM
    named = write_config(tmp_path, id2label={"0": "a", "1": "b", "2": "c"})
    assert read_encoder_shape(named).num_labels == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gpt2"}, "a model of type 'gpt2', but only bert"),
        ({"model_type": ["bert"]}, r"a model of type \['bert'\], but only bert"),
        ({"hidden_size": None, "vocab_size": None}, "lacks vocab_size, hidden_size"),
        ({"hidden_size": "384"}, 'hidden_size is "384", but it must be a whole'),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0, but it must be"),
        ({"vocab_size": -1}, "vocab_size is -1, but it must be"),
        ({"vocab_size": True}, "vocab_size is true, but it must be"),
        ({"vocab_size": 10**12}, "vocab_size is 1000000000000, but it must be"),
        ({"hidden_size": 384.5}, "hidden_size is 384.5, but it must be"),
        ({"num_attention_heads": 5}, "num_attention_heads 5, but the heads must"),
    ],
)
def test_a_config_of_no_possible_bert_is_refused(tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as error:
        read_encoder_shape(write_config(tmp_path, **changes))
    assert "\n" not in str(error.value)
    assert "config.json" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1]", "holds a JSON list, not an object"),
    ],
)
def test_a_file_without_a_config_is_refused(tmp_path, content, message):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_encoder_shape(path)


def test_a_missing_config_is_refused(tmp_path):
    with pytest.raises(UserError, match="can't be read \\(No such file"):
        read_encoder_shape(tmp_path / "config.json")

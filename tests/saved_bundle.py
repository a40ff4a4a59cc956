"""A classifier in a bundle: what is saved with it, and how it is loaded again."""

from transformers import BertConfig

from bert_cpu.models.bundle import BundleInfo, open_bundle, save_bundle
from bert_cpu.models.encoder import build_encoder
from bert_cpu.models.load_tokenizer import load_tokenizer
from bert_cpu.tasks.classify import Classify

INFO = BundleInfo(
    task="classify",
    labels=("neg", "so-so", "积极"),
    max_length=40,
    text_pair=True,
    preprocess={"normalize": True, "stop_words": "none", "stem": "english"},
    stride=12,
    options={"pooling": "cls"},
)
FILES = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)


def save(directory, model, original, reference, info=INFO):
    config = BertConfig(**reference.config)
    tokenizer = load_tokenizer(original)
    save_bundle(directory, model, Classify(), config, tokenizer, info)


def load(directory):
    bundle = open_bundle(directory)
    task = Classify()
    model = task.build(build_encoder(bundle.config), bundle.info.labels, 0.0)
    bundle.assign_to(model, task)
    return model

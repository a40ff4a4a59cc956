"""All texts of a test split, of mixed lengths, tokenizing included."""

from tokenizers import Tokenizer

from bench.answering import read_jsonl
from bench.case import Case
from bench.count_flops import count_flops
from bench.material import Material
from bench.write_checkpoint import MINILM_SHAPE

JOB = "many answers"
_PEERS = (
    "ONNX Runtime int8",
    "ONNX Runtime",
    "OpenVINO int8",
    "OpenVINO int8, streams",
    "OpenVINO bf16",
    "OpenVINO",
    "torch answers",
    "torch bf16 answers",
)


def cases(material: Material, is_quick: bool) -> list[Case]:
    return [_case(material, source) for source in ("movie_reviews", "bbc_news")]


def _case(material, source):
    trained = material.trained(source)
    return Case(
        job=JOB,
        name=f"test texts of {source}, int8, at most {material.max_length} tokens",
        unit="texts/s",
        ours="ours, texts",
        peers=_PEERS,
        given={"kind": "texts", **trained},
        goal=2.0,
        work=(_mean_work(material, trained["texts"]), 0.0),
        turn_seconds=5.0,
        deadline_seconds=600.0,
    )


def _mean_work(material, path):
    tokenizer = Tokenizer.from_file(f"{material.encoder()}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(material.max_length)
    texts = [row["text"] for row in read_jsonl(path)]
    lengths = map(len, tokenizer.encode_batch(texts))
    return sum(count_flops(MINILM_SHAPE, length) for length in lengths) / len(texts)

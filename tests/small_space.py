"""A small space to search: a range, a choice, and what stays as it is."""

from bert_cpu.search.space import Choice, Range, SearchSpace

SPACE = SearchSpace(
    {
        "learning_rate": Range(1e-5, 1e-3, is_log=True),
        "batch_size": Choice((8, 16, 32)),
        "ema": Choice((0.5,)),
    }
)

"""What a sweep tries when nobody says it."""

from bert_cpu.search.space import Choice, Range, SearchSpace


def default_space(
    num_layers: int,
    max_length: int,
    has_limits: bool,
    has_rungs: bool,
    has_labels: bool = True,
) -> SearchSpace:
    """A space for fine-tuning on 1,000 to 10,000 texts with two cores.

    Learning rates, batches and epochs lie around those that BERT's authors searched
    (Devlin et al. 2018, appendix A.3); they found small data sets to depend on them
    most. The rest is narrow, because half an hour has room for few trials.

    Args:
        num_layers: int. Layers of the encoder.
        max_length: int. Tokens in the longest text.
        has_limits: bool. The model must be fast or small, so that fewer layers and
            shorter texts may pay.
        has_rungs: bool. The algorithm chooses the epochs itself.
        has_labels: bool. The task chooses among labels, which can be smoothed.
    """
    dimensions: dict[str, Range | Choice] = {
        "learning_rate": Range(1e-5, 2e-4, is_log=True),
        "warmup": Range(0.0, 0.2),
        "batch_size": Choice((16, 32, 64)),
        "weight_decay": Choice((0.0, 0.01, 0.1)),
        "dropout": Choice((0.0, 0.1, 0.2)),
        "layer_decay": Range(0.75, 1.0),
    }
    if has_labels:
        dimensions["label_smoothing"] = Choice((0.0, 0.05, 0.1))
    if not has_rungs:
        dimensions["epochs"] = Choice((2, 3, 4))
    # Frozen layers cost less; with more than a third of them, the model learns less.
    if num_layers >= 3:
        frozen = {0, 1, num_layers // 3}
        dimensions["freeze_layers"] = Choice(tuple(sorted(frozen)))
    if has_limits:
        kept = {num_layers, -(-3 * num_layers // 4), -(-num_layers // 2)}
        if len(kept) > 1:
            dimensions["keep_layers"] = Choice(tuple(sorted(kept)))
        if max_length >= 32:
            lengths = (max_length // 2, max_length)
            dimensions["max_length"] = Choice(lengths)
    return SearchSpace(dimensions)

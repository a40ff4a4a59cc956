"""The word vectors that a new encoder begins with, made once for all of its workers."""

import safetensors.numpy

from bert_cpu import storage
from bert_cpu.data.pretraining.cooccurrences import count_cooccurrences
from bert_cpu.data.pretraining.manifest import PretrainingManifest
from bert_cpu.models.start_words import WordStart, find_word_start
from bert_cpu.pretrain_settings import PretrainSettings

FILE_NAME = "word_start.safetensors"


def open_word_start(
    settings: PretrainSettings, manifest: PretrainingManifest, is_chief: bool = True
) -> WordStart | None:
    """Reads the file of a run, or counts in its records and writes it.

    Workers on unlike processors would round unlike, and must start alike: they read
    what one of them has written.

    Args:
        settings: of the run.
        manifest: of its records.
        is_chief: whether this process may write.

    Returns:
        WordStart, or None if the run's encoder does not start so.
    """
    if settings.start != "cooccurrences":
        return None
    path = settings.run_dir / FILE_NAME
    if path.is_file():
        return WordStart(**safetensors.numpy.load_file(path))
    counted = count_cooccurrences(manifest.open_shards("train", manifest.lengths[0]))
    start = find_word_start(counted.pairs, counted.tokens, settings.hidden_size)
    if is_chief:
        with storage.written_aside(path) as aside:
            safetensors.numpy.save_file(
                {"vectors": start.vectors, "bias": start.bias}, aside
            )
    return start

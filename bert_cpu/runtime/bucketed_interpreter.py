"""Runs a .tflite file that has one signature a length."""

import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from bert_cpu.native_noise import silenced

# Token ids, one behind the other.
Ids = Sequence[int] | np.ndarray


class BucketedInterpreter:
    """Answers a sequence by the shortest signature that it fits.

    The file is mapped into memory, not read; its weights are packed once a signature
    when it is opened. Not for two threads at once: open one for each.

    Args:
        path: a .tflite file with a signature `serve_N` for each bucket N, from
            int32 `input_ids`, `token_type_ids` and `attention_mask`, each
            `(1, N)`, to float32 outputs `(1, …)`.
        buckets: the lengths in tokens, ascending.
        threads: threads of one run. Default: the cores this process may use.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        buckets: Sequence[int],
        threads: int | None = None,
    ):
        self._buckets = tuple(buckets)
        with silenced():
            self._interpreter = Interpreter(
                model_path=str(pathlib.Path(path)),
                num_threads=threads or _usable_cores(),
            )
            # Here the weights are packed for this processor, which it announces.
            self._interpreter.allocate_tensors()
        self._runners: dict[int, Callable[..., dict[str, np.ndarray]]] = {}

    def run_ids(self, input_ids: Ids, token_type_ids: Ids) -> dict[str, np.ndarray]:
        """Outputs for one sequence, which is given without padding.

        Args:
            input_ids: at most `buckets[-1]` token ids, special tokens included.
            token_type_ids: for each token 0, or 1 in the second text of a pair.

        Returns:
            Name -> float32 array, without the batch axis. What has a row a token
            has a row for each token of padding as well.

        Raises:
            ValueError: if the sequence is longer than the last bucket.
        """
        length = len(input_ids)
        bucket = next((size for size in self._buckets if length <= size), None)
        if bucket is None:
            raise ValueError(
                f"`input_ids` has {length} tokens, but the longest signature has "
                f"{self._buckets[-1]}. Cut the sequence."
            )
        padded = np.zeros((3, 1, bucket), np.int32)
        padded[0, 0, :length] = input_ids
        padded[1, 0, :length] = token_type_ids
        padded[2, 0, :length] = 1
        if bucket not in self._runners:
            self._runners[bucket] = self._interpreter.get_signature_runner(
                f"serve_{bucket}"
            )
        outputs = self._runners[bucket](
            input_ids=padded[0], token_type_ids=padded[1], attention_mask=padded[2]
        )
        return {name: output[0] for name, output in outputs.items()}


def _usable_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Only Linux tells.
        return os.cpu_count() or 1

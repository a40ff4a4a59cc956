"""Runs a .tflite file that has one signature a length."""

import bisect
import io
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from bert_cpu.native.encoder_delegate import encoder_delegate
from bert_cpu.native_noise import silenced
from bert_cpu.runtime.keep_one_signature import keep_one_signature

# Token ids, one behind the other.
Ids = Sequence[int] | np.ndarray
Runner = Callable[..., dict[str, np.ndarray]]


class BucketedInterpreter:
    """Answers a sequence by the shortest signature that it fits.

    The file is mapped into memory, not read; its weights are packed once a signature
    when it is opened. Not for two threads at once: open one for each.

    With `content`, the first sequence prepares the signature that it needs and no
    other: the soonest answer to who has one text. The first sequence of another bucket
    opens the file as a whole.

    Args:
        path: a .tflite file with a signature `serve_N` for each bucket N, from
            int32 `input_ids`, `token_type_ids` and `attention_mask`, each
            `(1, N)`, to float32 outputs `(1, …)`.
        buckets: the lengths in tokens, ascending.
        threads: threads of one run. Default: the cores this process may use.
        content: of the file, to be used up. Default: open the file at once.
        uses_kernel: let `encoder_delegate` compute what it knows, where there is one.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        buckets: Sequence[int],
        threads: int | None = None,
        content: io.BytesIO | None = None,
        uses_kernel: bool = True,
    ):
        self._path = pathlib.Path(path)
        self._buckets = tuple(buckets)
        self._threads = threads or _usable_cores()
        self._runners: dict[int, Runner] = {}
        self._interpreter: Interpreter | None = None
        self._has_all = False
        self._content = content
        self._uses_kernel = uses_kernel
        if content is None:
            self._open_all()

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
        place = bisect.bisect_left(self._buckets, length)
        if place == len(self._buckets):
            raise ValueError(
                f"`input_ids` has {length} tokens, but the longest signature has "
                f"{self._buckets[-1]}. Cut the sequence."
            )
        bucket = self._buckets[place]
        padded = np.zeros((3, 1, bucket), np.int32)
        padded[0, 0, :length] = input_ids
        padded[1, 0, :length] = token_type_ids
        padded[2, 0, :length] = 1
        outputs = self._runner(bucket)(
            input_ids=padded[0], token_type_ids=padded[1], attention_mask=padded[2]
        )
        return {name: output[0] for name, output in outputs.items()}

    def drop_content(self) -> None:
        """Frees its memory if nothing has run yet, and opens the file when it does."""
        self._content = None

    def _runner(self, bucket: int) -> Runner:
        if bucket not in self._runners:
            if self._content is not None:
                self._open_one(self._content, bucket)
            elif not self._has_all:
                self._open_all()
            assert self._interpreter is not None
            self._runners[bucket] = self._interpreter.get_signature_runner(
                _signature(bucket)
            )
        return self._runners[bucket]

    def _open_one(self, content: io.BytesIO, bucket: int) -> None:
        self._content = None
        model = keep_one_signature(content, _signature(bucket))
        if model is None:
            self._open_all()
        else:
            self._interpreter = self._prepared(model_content=model)

    def _open_all(self) -> None:
        self._runners = {}
        self._interpreter = self._prepared(model_path=str(self._path))
        self._has_all = True

    def _prepared(self, **model: Any) -> Interpreter:
        model["num_threads"] = self._threads
        delegate = encoder_delegate(self._threads) if self._uses_kernel else None
        with silenced():
            if delegate is not None:
                try:
                    return _opened(experimental_delegates=[delegate], **model)
                except RuntimeError:  # A graph that it doesn't see through.
                    pass
            return _opened(**model)


def _opened(**options: Any) -> Interpreter:
    interpreter = Interpreter(**options)
    # Here the weights are packed for this processor, which it announces.
    interpreter.allocate_tensors()
    return interpreter


def _signature(bucket: int) -> str:
    return f"serve_{bucket}"


def _usable_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # Only Linux tells.
        return os.cpu_count() or 1

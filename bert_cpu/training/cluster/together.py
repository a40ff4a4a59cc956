"""Training together: nobody begins before all are there, nobody waits for the lost."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping

from bert_cpu.errors import FoundByAll, Interrupted, UserError
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.peer import Gone
from bert_cpu.training.cluster.watch import Watch


@contextlib.contextmanager
def together(
    cluster: Cluster,
    facts: Mapping[str, str],
    join_timeout: float,
    heartbeat: float,
    on_gone: Callable[[Gone, Cluster], None] | None = None,
) -> Iterator[None]:
    """Meets the other workers, and watches them until the block is done.

    If one of them dies, hangs or fails meanwhile, this process says which, and
    ends at once: it may be waiting inside TensorFlow for what will never come.

    Args:
        cluster: all workers, and which of them this one is. Alone, nothing is done.
        facts: what all must have in common: what it is about -> its value.
        join_timeout: float. Seconds to wait for the others.
        heartbeat: float. Seconds without a word after which a worker is lost.
        on_gone: what is done then. Default: `end_process`.

    Raises:
        UserError: if not all come, can be reached and agree, or a port is in use.
    """
    if cluster.num_workers == 1:
        yield
        return
    do = on_gone or end_process
    watch = Watch(cluster, facts, heartbeat, lambda gone: do(gone, cluster))
    watch.meet(join_timeout)
    try:
        yield
    except BaseException as error:
        if _may_be_anothers(error):
            # TensorFlow noticed first; the thread knows which worker it was.
            watch.wait(heartbeat)
        watch.leave(*_goodbye_of(error))
        raise
    watch.leave(0, "")


def end_process(gone: Gone, cluster: Cluster) -> None:
    """Says which worker is gone, and ends this process whatever it is doing."""
    why = gone.why[:1].upper() + gone.why[1:]
    # A bar may be on the terminal, which has hidden the cursor.
    terminal = "\n\x1b[?25h" if sys.stderr.isatty() else ""
    print(
        f"{terminal}bert-cpu: {why} {cluster.name_of(cluster.index).capitalize()} "
        "stops as well; --resume goes on from the last checkpoint.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(gone.code)


def _may_be_anothers(error):
    """Whether TensorFlow says that a connection or a collective broke."""
    import tensorflow as tf

    return isinstance(
        error,
        tf.errors.UnavailableError
        | tf.errors.AbortedError
        | tf.errors.CancelledError
        | tf.errors.DeadlineExceededError
        | tf.errors.InternalError
        | tf.errors.FailedPreconditionError
        | tf.errors.UnknownError,
    )


def _goodbye_of(error):
    if isinstance(error, Interrupted | KeyboardInterrupt):
        return 130, ""
    if isinstance(error, FoundByAll):
        return 0, ""  # The others leave with it as well, each by itself.
    if isinstance(error, UserError):
        return 2, str(error)
    return 1, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"

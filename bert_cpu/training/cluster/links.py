"""Connections between workers: listening at one's address, calling another's."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable

from bert_cpu.errors import UserError
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.messages import LONGEST

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_CALL_SECONDS = 5.0  # For one attempt; there are many.


async def listen(cluster: Cluster, answer: Answer) -> asyncio.Server:
    """Listens at this worker's port, as TensorFlow's server will.

    Args:
        cluster: whose `index` is this worker.
        answer: is called for each connection.

    Raises:
        UserError: if the port is in use, or not to be had.
    """
    port = int(cluster.workers[cluster.index].rpartition(":")[2])
    # TensorFlow listens at all addresses of the machine, so all must be free.
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Connections of a run that has just ended may still be known to the system.
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        endpoint.bind(("0.0.0.0", port))
        return await asyncio.start_server(
            _quietly(answer), sock=endpoint, limit=LONGEST
        )
    except OSError as error:
        endpoint.close()
        reason = (
            "is in use on this machine"
            if error.errno == errno.EADDRINUSE
            else f"is not to be had on this machine ({error.strerror})"
        )
        raise UserError(
            f"Port {port} of {cluster.name_of(cluster.index)} {reason}. End what uses "
            f"it, or give another port in {cluster.source}."
        ) from error


async def call(
    address: str,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects to a worker.

    Args:
        address: its `host:port`.

    Raises:
        OSError: with a reason for people in `strerror`, if it can't be reached.
    """
    host, _, port = address.rpartition(":")
    try:
        return await asyncio.wait_for(
            # IPv4, as that is what TensorFlow's server listens to.
            asyncio.open_connection(
                host, int(port), limit=LONGEST, family=socket.AF_INET
            ),
            _CALL_SECONDS,
        )
    except socket.gaierror as error:
        raise OSError(error.errno, f"no host '{host}' is known") from error
    except UnicodeError as error:  # A name that no host can have.
        raise OSError(errno.EINVAL, f"'{host}' is no host's name") from error
    except TimeoutError as error:
        raise OSError(errno.ETIMEDOUT, "no answer") from error
    except ConnectionRefusedError as error:
        raise OSError(error.errno, "nothing listens there") from error
    except OSError as error:
        raise OSError(error.errno, (error.strerror or str(error)).lower()) from error


def _quietly(answer):
    async def answer_until_cancelled(reader, writer):
        # Python 3.11 shows a traceback for a connection that is cancelled, as those
        # are that are still open when the loop ends.
        with contextlib.suppress(asyncio.CancelledError):
            await answer(reader, writer)

    return answer_until_cancelled

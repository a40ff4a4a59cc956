"""Meets the other workers, and watches them from a thread beside the training.

TensorFlow notices by itself that a worker has died, but not that one hangs or is cut
off; it names none, and where it waits inside a collective no exception can end that.
"""

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable, Mapping

from bert_cpu.training.cluster.chief import Chief
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.follower import Follower
from bert_cpu.training.cluster.messages import hang_up
from bert_cpu.training.cluster.peer import Gone


class Watch:
    """A thread that keeps the connections between workers.

    Args:
        cluster: all workers, and which of them this one is.
        facts: what all must have in common: what it is about -> its value.
        heartbeat: float. Seconds without a word after which a worker is lost.
        on_gone: is called in the thread when a worker is lost or has failed.
    """

    def __init__(
        self,
        cluster: Cluster,
        facts: Mapping[str, str],
        heartbeat: float,
        on_gone: Callable[[Gone], None],
    ):
        self._cluster = cluster
        self._facts = facts
        self._heartbeat = heartbeat
        self._on_gone = on_gone
        self._met: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving: asyncio.Event | None = None
        self._goodbye = (0, "")
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def meet(self, timeout: float) -> None:
        """Returns when all workers are there and agree; then watches them.

        Args:
            timeout: float. Seconds to wait.

        Raises:
            UserError: naming those that are missing, or what differs.
        """
        self._timeout = timeout
        self._thread.start()
        self._met.result()

    def wait(self, seconds: float) -> None:
        """Gives the thread time to find out which worker is gone."""
        self._thread.join(seconds)

    def leave(self, code: int, why: str) -> None:
        """Tells the others that this worker stops, and ends the thread.

        Args:
            code: int. What the process leaves with.
            why: str. One line, where that is no success.
        """
        self._goodbye = (code, why)
        if self._thread.is_alive() and self._loop and self._leaving:
            self._loop.call_soon_threadsafe(self._leaving.set)
            self._thread.join(5.0)

    def _run(self):
        asyncio.run(self._attend())

    async def _attend(self):
        kind = Chief if self._cluster.is_chief else Follower
        end = kind(self._cluster, self._facts)
        self._loop, self._leaving = asyncio.get_running_loop(), asyncio.Event()
        try:
            await end.meet(self._timeout)
        except BaseException as error:
            self._met.set_exception(error)
            return
        self._met.set_result(None)
        try:
            await self._keep_watch(end, self._leaving)
        except Gone as gone:
            await end.tell(gone)
            self._on_gone(gone)
            for peer in end.peers:
                await hang_up(peer.writer)
            return
        finally:
            end.fault.cancel()  # Nobody asks for it any more.
        goodbyes = (peer.leave("leaving", *self._goodbye) for peer in end.peers)
        await asyncio.gather(*goodbyes, return_exceptions=True)

    async def _keep_watch(self, end, has_left):
        leaving = asyncio.create_task(has_left.wait())
        while not leaving.done():
            before = time.monotonic()
            await asyncio.wait(
                {leaving, end.fault},
                timeout=min(1.0, self._heartbeat / 8),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if end.fault.done():
                leaving.cancel()
                end.fault.result()
            was_stopped = time.monotonic() - before > self._heartbeat / 2
            for peer in end.peers:
                peer.beat()
                if was_stopped:
                    # It was this process that slept; what the others said
                    # meanwhile has yet to be read.
                    peer.heard = time.monotonic()
                peer.check(self._heartbeat)

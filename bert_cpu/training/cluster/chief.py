"""The chief's part of a meeting: it waits for all, compares, and keeps watch."""

import asyncio
import contextlib
from collections.abc import Mapping

from bert_cpu.errors import UserError
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.difference import difference
from bert_cpu.training.cluster.links import call, listen
from bert_cpu.training.cluster.messages import FORMAT, NotOurs, hang_up, receive, send
from bert_cpu.training.cluster.peer import LOST, Gone, Peer

# Whoever connects and says nothing for so long is no worker.
_HELLO_SECONDS = 10.0
_AGAIN_SECONDS = 0.2
_HUNG_UP = "A worker left while all met. Look into the logs, and start all again."


class Chief:
    """Waits for the other workers at its own port, before TensorFlow listens there.

    Each calls, and is called back at its address, so that both ways are known to be
    open. The connections stay, and are how all learn that one is gone.

    Args:
        cluster: all workers.
        facts: what all must have in common: what it is about -> its value.
    """

    def __init__(self, cluster: Cluster, facts: Mapping[str, str]):
        self._cluster = cluster
        self._facts = {0: dict(facts)}
        self._peers: dict[int, Peer] = {}
        self._callers: dict[int, asyncio.StreamWriter] = {}  # Called, so far.
        self._unreached: dict[int, str] = {}  # Came, but can't be called back: why.
        self._all_here = asyncio.Event()
        self._has_met = False
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def peers(self) -> list[Peer]:
        """Those that are connected."""
        return list(self._peers.values())

    @property
    def fault(self) -> asyncio.Future[None]:
        """Raises `Gone` once a worker is."""
        return self._fault

    async def meet(self, timeout: float) -> None:
        """Returns when all workers are there, can be reached, and agree.

        Args:
            timeout: float. Seconds to wait.

        Raises:
            UserError: naming those that are missing, or what differs. All that are
                there raise the same.
        """
        server = await listen(self._cluster, self._answer)
        why: str | None
        try:
            # A little before the others' time is up, who then all say the same.
            patience = timeout - min(1.0, timeout / 10)
            await asyncio.wait_for(self._all_here.wait(), patience)
            # One may have hung up since.
            is_whole = not self._missing()
            why = difference(self._cluster, self._facts) if is_whole else _HUNG_UP
        except TimeoutError:
            why = self._say_missing(timeout)
        finally:
            # TensorFlow takes the port over; connections that are there stay.
            server.close()
        if why is not None:
            for writer in list(self._callers.values()):
                send(writer, "refused", why=why)
                await hang_up(writer)
            raise UserError(why)
        self._has_met = True
        for peer in self.peers:
            send(peer.writer, "welcome")

    async def tell(self, gone: Gone) -> None:
        """Says to all others which worker is gone."""
        leaving = (peer.leave("gone", gone.code, gone.why) for peer in self.peers)
        await asyncio.gather(*leaving, return_exceptions=True)

    async def _answer(self, reader, writer):
        try:
            hello = await asyncio.wait_for(receive(reader), _HELLO_SECONDS)
            index, token, facts = self._read_hello(hello)
            if index in self._callers:
                name = self._cluster.name_of(index)
                why = f"{name} is there already. Give each process its own index."
                send(writer, "refused", why=why)
                return
            self._callers[index] = writer
            try:
                if await self._call_back(index, token):
                    await self._keep(index, facts, reader, writer)
            finally:
                del self._callers[index]
        except (NotOurs, TimeoutError):
            pass  # Something else on the network: not for us to judge.
        except Gone as gone:
            if not self._fault.done():
                self._fault.set_exception(gone)
        finally:
            await hang_up(writer)

    def _read_hello(self, hello):
        index, token, facts = (hello.get(key) for key in ("index", "token", "facts"))
        if (
            hello.get("format") != FORMAT
            or type(index) is not int
            or not 1 <= index < self._cluster.num_workers
            or not isinstance(token, str)
            or not isinstance(facts, dict)
            or not all(isinstance(value, str) for value in facts.values())
        ):
            raise NotOurs("no worker of this cluster")
        return index, token, facts

    async def _call_back(self, index, token):
        """Whether the process at a worker's address is the one that called."""
        while not self._all_here.is_set():
            try:
                reader, writer = await call(self._cluster.workers[index])
            except OSError as error:
                self._unreached[index] = error.strerror or "no connection"
            else:
                with contextlib.suppress(NotOurs, TimeoutError):
                    here = await asyncio.wait_for(receive(reader), _HELLO_SECONDS)
                    if here.get("kind") == "here" and here.get("token") == token:
                        self._unreached.pop(index, None)
                        await hang_up(writer)
                        return True
                self._unreached[index] = "another process answers there"
                await hang_up(writer)
            await asyncio.sleep(_AGAIN_SECONDS)
        return False

    async def _keep(self, index, facts, reader, writer):
        """Reads what a worker says from now on."""
        peer = Peer(self._cluster.name_of(index), writer)
        self._peers[index], self._facts[index] = peer, facts
        self._tell_missing()
        try:
            while message := await receive(reader):
                peer.hear(message)
            if self._has_met:  # Else it gave up, and may come again.
                peer.hear({})
        except NotOurs as error:
            if self._has_met:
                raise Gone(f"{peer.name} sends {error}.", LOST) from None
        finally:
            if not self._has_met:
                del self._peers[index], self._facts[index]
                self._all_here.clear()

    def _tell_missing(self):
        missing = self._missing()
        for peer in self.peers:
            send(peer.writer, "missing", workers=missing)
        if not missing:
            self._all_here.set()

    def _missing(self):
        return [
            index
            for index in range(1, self._cluster.num_workers)
            if index not in self._peers
        ]

    def _say_missing(self, timeout):
        names = [
            self._cluster.name_of(index)
            + (
                f", which called but can't be reached ({self._unreached[index]})"
                if index in self._unreached
                else ""
            )
            for index in self._missing()
        ]
        return say_missing(names, timeout)


def say_missing(names: list[str], timeout: float) -> str:
    """One line about workers that did not come in time."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (
        f"Not all workers came within {timeout:g} seconds (--join-timeout): missing "
        f"{', '.join(names[:5])}{more}. Start each with its own index, and check its "
        "address, its log and the firewall."
    )

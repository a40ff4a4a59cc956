"""The part of a meeting of a worker that is not the chief."""

import asyncio
import secrets
from collections.abc import Mapping

from bert_cpu.errors import UserError
from bert_cpu.training.cluster.chief import say_missing
from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.links import call, listen
from bert_cpu.training.cluster.messages import FORMAT, NotOurs, hang_up, receive, send
from bert_cpu.training.cluster.peer import LOST, Gone, Peer

_AGAIN_SECONDS = 0.2


class Follower:
    """Calls the chief until it answers, and stays connected with it.

    Args:
        cluster: all workers.
        facts: what all must have in common: what it is about -> its value.
    """

    def __init__(self, cluster: Cluster, facts: Mapping[str, str]):
        self._cluster = cluster
        self._facts = dict(facts)
        self._token = secrets.token_hex(16)
        self._peer: Peer | None = None
        self._reason = "no answer"  # Why the chief can't be reached.
        self._missing: list[int] = []  # Whom the chief waits for.
        self._listener: asyncio.Task[None] | None = None
        self._fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def peers(self) -> list[Peer]:
        """The chief, once it has welcomed this worker."""
        return [] if self._peer is None else [self._peer]

    @property
    def fault(self) -> asyncio.Future[None]:
        """Raises `Gone` once a worker is."""
        return self._fault

    async def meet(self, timeout: float) -> None:
        """Returns when the chief says that all are there and agree.

        Args:
            timeout: float. Seconds to wait.

        Raises:
            UserError: if the chief can't be reached, or what it says of the others.
        """
        server = await listen(self._cluster, self._say_who)
        try:
            reader, writer = await asyncio.wait_for(self._join(), timeout)
        except TimeoutError:
            raise UserError(self._say_late(timeout)) from None
        finally:
            server.close()
        self._peer = Peer(self._cluster.name_of(0), writer)
        self._listener = asyncio.create_task(self._listen(reader, self._peer))

    async def tell(self, gone: Gone) -> None:
        """The others learn it from the chief, or as this worker does."""

    async def _say_who(self, reader, writer):
        """Answers the chief, which calls back."""
        send(writer, "here", token=self._token)
        await hang_up(writer)

    async def _join(self):
        while True:
            try:
                reader, writer = await call(self._cluster.workers[0])
            except OSError as error:
                self._reason = error.strerror or "no connection"
            else:
                is_welcome = False
                try:
                    is_welcome = await self._is_welcome(reader, writer)
                finally:
                    if not is_welcome:
                        await hang_up(writer)
                if is_welcome:
                    return reader, writer
            self._missing = []
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _is_welcome(self, reader, writer):
        send(
            writer,
            "hello",
            format=FORMAT,
            index=self._cluster.index,
            token=self._token,
            facts=self._facts,
        )
        try:
            while message := await receive(reader):
                kind = message["kind"]
                if kind == "refused":
                    raise UserError(str(message.get("why"))[:2000])
                if kind == "welcome":
                    return True
                self._reason = "it still waits for others"
                if kind == "missing":
                    self._missing = self._known(message.get("workers"))
        except NotOurs:
            self._reason = "another program answers there"
        else:
            self._reason = "it hung up"
        return False

    def _known(self, indices):
        if not isinstance(indices, list):
            return []
        last = self._cluster.num_workers - 1
        return [i for i in indices if type(i) is int and 0 <= i <= last]

    def _say_late(self, timeout):
        if self._missing:
            names = [self._cluster.name_of(index) for index in self._missing]
            return say_missing(names, timeout)
        return (
            f"{self._cluster.name_of(0)}, the chief, could not be reached within "
            f"{timeout:g} seconds (--join-timeout): {self._reason}. Start it with the "
            "same command, and check its address, its log and the firewall."
        )

    async def _listen(self, reader, peer):
        """Reads what the chief says from now on."""
        try:
            while message := await receive(reader):
                peer.hear(message)
            peer.hear({})
        except NotOurs as error:
            self._set_fault(Gone(f"{peer.name} sends {error}.", LOST))
        except Gone as gone:
            self._set_fault(gone)

    def _set_fault(self, gone):
        if not self._fault.done():
            self._fault.set_exception(gone)

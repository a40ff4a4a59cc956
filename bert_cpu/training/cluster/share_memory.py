"""How the workers of one machine come to share memory."""

import contextlib
import mmap
import os
import secrets
import socket
import struct
from collections.abc import Callable, Sequence

# An environment variable: 0 has the workers of one machine share no memory.
SWITCH = "BERT_CPU_SHARED_MEMORY"
# Of the chief's socket: random, so that nothing else is there.
NAME_BYTES = 16
_NOBODY = bytes(NAME_BYTES)
_SECONDS = 10.0
_INDEX = struct.Struct("<q")
_CREDENTIALS = struct.Struct("3i")  # Process, user, group.
_WORD = b"\0"


class SharedMemory:
    """Memory that the workers of one machine share, and where they meet.

    Args:
        memory: a writable buffer, zero at first.
        links: to the workers that this one hears from: all others for the chief, else
            the chief alone.
        is_chief: bool.
    """

    def __init__(
        self, memory: mmap.mmap, links: Sequence[socket.socket], is_chief: bool
    ):
        self.memory = memory
        self._links = links
        self._is_chief = is_chief
        for link in links:
            # A step may take long; whether a worker hangs is for others to notice.
            link.settimeout(None)

    def meet(self) -> None:
        """Returns in each worker when all have called it.

        Raises:
            ConnectionError: if one is gone.
        """
        if self._is_chief:
            for link in self._links:
                _read(link, len(_WORD))
        for link in self._links:
            link.sendall(_WORD)
        if not self._is_chief:
            _read(self._links[0], len(_WORD))

    def close(self) -> None:
        """Leaves: the others notice when they wait for this worker."""
        for link in self._links:
            link.close()


def share_memory(
    num_bytes: int,
    index: int,
    num_workers: int,
    tell: Callable[[bytes], bytes],
    all_say: Callable[[bool], bool],
    available: int,
) -> SharedMemory | None:
    """Gives all workers the same memory, if they are on one machine that has it.

    The chief makes it without a name in any file system, and hands it over through a
    socket that only processes of this user, machine and network name space reach. So
    nothing is left behind when the last of them ends, however it ends.

    Args:
        num_bytes: int. Of the memory.
        index: int. Of this worker; 0 is the chief.
        num_workers: int, 2 or more.
        tell: gives all workers the `NAME_BYTES` bytes that the chief calls it with.
        all_say: whether all workers have called it with true.
        available: int. Bytes of this machine that are free; the chief takes half of
            them at most.

    Returns:
        The memory. None, in all of them, if one can't have it.
    """
    with contextlib.ExitStack() as meanwhile, contextlib.ExitStack() as links:
        can_offer = index == 0 and _is_possible() and num_bytes <= available // 2
        offer = _Offer(num_bytes, meanwhile) if can_offer else None
        name = tell(offer.name if offer else _NOBODY)
        if name == _NOBODY:
            return None
        shared = None
        # Another machine, user or name space; too little memory.
        with contextlib.suppress(OSError, ValueError):
            if offer:
                shared = offer.hand_over(num_workers - 1, links)
            elif _is_possible():
                shared = _take(name, index, num_bytes, links)
        if all_say(shared is not None):
            links.pop_all()
            return shared
    return None


def _is_possible():
    return (
        os.environ.get(SWITCH) != "0"
        and hasattr(os, "memfd_create")
        and hasattr(socket, "SO_PEERCRED")
    )


class _Offer:
    """The chief's part: memory, and a socket where others can ask for it."""

    def __init__(self, num_bytes, meanwhile):
        self.name = _NOBODY
        self._num_bytes = num_bytes
        with contextlib.suppress(OSError):
            self._memory = os.memfd_create("bert_cpu")
            meanwhile.callback(os.close, self._memory)
            # At once, so that a lack of it shows here, and not as a crash later.
            os.posix_fallocate(self._memory, 0, num_bytes)
            self._listener = meanwhile.enter_context(_new_socket())
            name = secrets.token_bytes(NAME_BYTES)
            self._listener.bind(_address(name))
            self._listener.listen()
            self.name = name

    def hand_over(self, num_others, links):
        found: dict[int, socket.socket] = {}
        while len(found) < num_others:
            link = links.enter_context(self._listener.accept()[0])
            link.settimeout(_SECONDS)
            if _is_ours(link):
                (index,) = _INDEX.unpack(_read(link, _INDEX.size))
                socket.send_fds(link, [_WORD], [self._memory])
                found[index] = link
        memory = mmap.mmap(self._memory, self._num_bytes)
        return SharedMemory(memory, [found[index] for index in sorted(found)], True)


def _take(name, index, num_bytes, links):
    """The part of a worker that is not the chief."""
    link = links.enter_context(_new_socket())
    link.connect(_address(name))
    if not _is_ours(link):
        raise PermissionError("another user's process listens there")
    link.sendall(_INDEX.pack(index))
    _, (memory,), _, _ = socket.recv_fds(link, len(_WORD), 1)
    try:
        # It refuses to map more than there is.
        return SharedMemory(mmap.mmap(memory, num_bytes), [link], False)
    finally:
        os.close(memory)


def _new_socket():
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(_SECONDS)
    return made


def _address(name):
    # The leading zero keeps it out of the file system.
    return b"\0bert_cpu-" + name.hex().encode()


def _is_ours(link):
    """Whether a process of this user is at the other end."""
    raw = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(raw)[1] == os.getuid()


def _read(link, num_bytes):
    found = link.recv(num_bytes, socket.MSG_WAITALL)
    if len(found) < num_bytes:
        raise ConnectionError("another worker of this machine is gone")
    return found

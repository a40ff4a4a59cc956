"""How the workers of one machine come to share memory."""

import contextlib
import mmap
import os
import secrets
import socket
import struct
import time
from collections.abc import Callable, Sequence

# Of the chief's socket: random, so that nothing else is there.
NAME_BYTES = 16
_NOBODY = bytes(NAME_BYTES)
_SECONDS = 10.0
# Whom the kernel names where it may not tell the user of another name space.
_UNKNOWN_USER = 65534
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
    own: range,
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
        available: int. Bytes of this machine that this worker may use; half of them
            may be shared at most.
        own: bytes that this worker will write first, and has therefore near to its
            cores.

    Returns:
        The memory. None, in all of them, if one can't have it.
    """
    with contextlib.ExitStack() as meanwhile, contextlib.ExitStack() as links:
        can_share = _is_possible() and num_bytes <= available // 2
        offer = _Offer(num_bytes, meanwhile) if index == 0 and can_share else None
        name = tell(offer.name if offer else _NOBODY)
        if name == _NOBODY:
            return None
        shared = None
        # Another machine, user or name space; too little memory.
        with contextlib.suppress(OSError, ValueError):
            if offer:
                shared = offer.hand_over(num_workers - 1, links, own)
            elif can_share:
                shared = _take(name, index, num_bytes, links, own)
        if all_say(shared is not None):
            links.pop_all()
            return shared
    return None


def _is_possible():
    return hasattr(os, "memfd_create") and hasattr(socket, "SO_PEERCRED")


class _Offer:
    """The chief's part: memory, and a socket where others can ask for it."""

    def __init__(self, num_bytes, meanwhile):
        self.name = _NOBODY
        self._num_bytes = num_bytes
        with contextlib.suppress(OSError):
            self._memory = os.memfd_create("bert_cpu")
            meanwhile.callback(os.close, self._memory)
            os.ftruncate(self._memory, num_bytes)
            self._listener = meanwhile.enter_context(_new_socket())
            name = secrets.token_bytes(NAME_BYTES)
            self._listener.bind(_address(name))
            self._listener.listen()
            self.name = name

    def hand_over(self, num_others, links, own):
        found: dict[int, socket.socket] = {}
        deadline = time.monotonic() + _SECONDS
        while len(found) < num_others:
            self._listener.settimeout(max(1e-3, deadline - time.monotonic()))
            link, _ = self._listener.accept()
            if not _is_ours(link):
                link.close()
                continue
            links.enter_context(link)
            link.settimeout(_SECONDS)
            (index,) = _INDEX.unpack(_read(link, _INDEX.size))
            socket.send_fds(link, [_WORD], [self._memory])
            found[index] = link
        memory = _map(self._memory, self._num_bytes, own)
        return SharedMemory(memory, [found[index] for index in sorted(found)], True)


def _take(name, index, num_bytes, links, own):
    """The part of a worker that is not the chief."""
    link = links.enter_context(_new_socket())
    link.connect(_address(name))
    if not _is_ours(link):
        raise PermissionError("another user's process listens there")
    link.sendall(_INDEX.pack(index))
    _, (memory,), _, _ = socket.recv_fds(link, len(_WORD), 1)
    try:
        return SharedMemory(_map(memory, num_bytes, own), [link], False)
    finally:
        os.close(memory)


def _map(memory, num_bytes, own):
    mapped = mmap.mmap(memory, num_bytes)  # It refuses to map more than there is.
    # At once, so that a lack of memory shows here, and not as a crash later.
    os.posix_fallocate(memory, own.start, len(own))
    return mapped


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
    user = _CREDENTIALS.unpack(raw)[1]
    return user == os.geteuid() and user != _UNKNOWN_USER


def _read(link, num_bytes):
    found = link.recv(num_bytes, socket.MSG_WAITALL)
    if len(found) < num_bytes:
        raise ConnectionError("another worker of this machine is gone")
    return found

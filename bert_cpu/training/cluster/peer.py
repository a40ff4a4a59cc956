"""Another worker, at the other end of a connection that stays open for the run."""

import asyncio
import dataclasses
import time
from typing import Any

from bert_cpu.training.cluster.messages import hang_up, send

# Codes of workers that left because their work was done, or on request.
_WELL = (0, 130)


class Gone(Exception):
    """A worker is lost to the others, or has failed: a line that says which.

    Args:
        why: str. The line.
        code: int. What this process should leave with, because of it.
    """

    def __init__(self, why: str, code: int):
        super().__init__(why)
        self.why = why
        self.code = code


# Leave with this when another worker is lost: sysexits' EX_TEMPFAIL, "try again".
LOST = 75


@dataclasses.dataclass
class Peer:
    """A connection to a worker, and when it was last heard."""

    name: str  # As messages call it.
    writer: asyncio.StreamWriter
    heard: float = dataclasses.field(default_factory=time.monotonic)
    has_left: bool = False  # Said goodbye: it may be silent.

    def beat(self) -> None:
        """Lets it hear from this process."""
        send(self.writer, "beat")

    def hear(self, message: dict[str, Any]) -> None:
        """Takes in a message; an empty one is the end of the connection.

        Raises:
            Gone: if it has failed, is gone, or knows of another that is.
        """
        self.heard = time.monotonic()
        kind = message.get("kind")
        code = message.get("code")
        why = str(message.get("why"))[:1000]
        if not message and not self.has_left:
            raise Gone(f"{self.name} is gone: its process or its machine ended.", LOST)
        if kind == "leaving" and code in _WELL:
            self.has_left = True
        elif kind == "leaving":
            # A mistake of the user's is no accident: starting again won't help.
            code = 2 if code == 2 else LOST
            raise Gone(f"{self.name} stopped: {why}", code)
        elif kind == "gone":
            raise Gone(why, 2 if code == 2 else LOST)

    def check(self, heartbeat: float) -> None:
        """Judges a silence.

        Raises:
            Gone: if nothing was heard for `heartbeat` seconds.
        """
        if not self.has_left and time.monotonic() - self.heard > heartbeat:
            raise Gone(
                f"{self.name} is lost: not heard for {heartbeat:g} seconds "
                "(--heartbeat).",
                LOST,
            )

    async def leave(self, kind: str, code: int, why: str) -> None:
        """Says goodbye, or who is gone, and closes."""
        send(self.writer, kind, code=code, why=why[:1000])
        await hang_up(self.writer)

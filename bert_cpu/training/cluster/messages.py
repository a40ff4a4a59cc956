"""What workers say to each other: lines of JSON, which nothing trusts."""

import asyncio
import contextlib
import json
from typing import Any

# Bytes of one line, at most. The longest is a worker's first, with its facts.
LONGEST = 64 * 1024
FORMAT = "bert_cpu.meeting 1"


class NotOurs(Exception):
    """Something else than a worker of ours is at the other end."""


async def receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    """Reads one message.

    Args:
        reader: of a connection whose `limit` is `LONGEST`.

    Returns:
        dict with a `kind`, a str; empty at the end of the connection. Whatever
        else is in it is the caller's to check.

    Raises:
        NotOurs: if the line is too long, or not what `send` writes.
    """
    try:
        line = await reader.readline()
    except ValueError:  # asyncio's word for a line over the limit.
        raise NotOurs("a line too long") from None
    except OSError:  # Reset, or the network is gone: an end like any other.
        return {}
    if not line.endswith(b"\n"):
        return {}
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise NotOurs("no JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
        raise NotOurs("JSON of another form")
    return message


def send(writer: asyncio.StreamWriter, kind: str, **content: Any) -> None:
    """Writes one message, without waiting for it to be taken."""
    if not writer.is_closing():
        line = json.dumps({"kind": kind, **content})
        writer.write(line.encode() + b"\n")


async def hang_up(writer: asyncio.StreamWriter, seconds: float = 1.0) -> None:
    """Closes a connection, after what was sent has gone out if that is soon."""
    with contextlib.suppress(OSError, TimeoutError):
        await asyncio.wait_for(writer.drain(), seconds)
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), seconds)

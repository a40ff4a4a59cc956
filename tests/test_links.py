"""Connections between workers."""

import asyncio
import socket

from bert_cpu.training.cluster.cluster import Cluster
from bert_cpu.training.cluster.links import call, listen
from bert_cpu.training.cluster.messages import hang_up


def test_a_connection_that_is_open_when_a_worker_leaves_is_no_error(caplog):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    came = []

    async def stay(reader, writer):
        came.append(writer)
        try:
            await asyncio.sleep(60)
        finally:
            await hang_up(writer)

    async def leave_it_open():
        server = await listen(Cluster((address,)), stay)
        _, writer = await call(address)
        while not came:
            await asyncio.sleep(0.01)
        server.close()
        await hang_up(writer)

    asyncio.run(leave_it_open())
    assert not caplog.records

"""What viewers may ask of an edge holds for all its worker processes together."""

import asyncio
import os
import signal
from pathlib import Path

from tests.integration.proxy_service import RawOrigin
from tests.integration.test_edge_workers import EdgeProcess, eventually, is_running

MOST = 3
PLAIN = b"GET /film HTTP/1.1\r\nHost: cdn.test\r\n\r\n"

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def stays(stream: Stream) -> bool:
    """Whether a new connection is let in; it is answered if so."""
    reader, writer = stream
    try:
        writer.write(PLAIN)
        head = await reader.readuntil(b"hello")
    except (ConnectionError, asyncio.IncompleteReadError):
        writer.close()
        return False
    assert head.startswith(b"HTTP/1.1 200 ")
    return True


async def let_in(edge: EdgeProcess, count: int = 16) -> list[Stream]:
    """Those of ``count`` new connections that may stay."""
    port = edge.viewer.port
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    return [stream for stream in streams if await stays(stream)]


async def test_a_client_has_so_many_connections_to_all_workers(
    origin: RawOrigin, tmp_path: Path
) -> None:
    limits = {"connections_per_client": MOST}
    changes = {"workers": 2, "limits": limits, "drain_seconds": 3}
    async with EdgeProcess(tmp_path, origin.url, **changes).running() as edge:
        kept = await let_in(edge)
        assert len(kept) == MOST

        for killed in edge.workers():
            os.kill(killed, signal.SIGKILL)

            async def replaced(killed: int = killed) -> bool:
                return killed not in edge.workers() and len(edge.workers()) == 2

            await eventually(replaced)
        # Nothing is counted of those who are gone, once their successors have started.
        fresh: list[Stream] = []

        async def free() -> bool:
            fresh.extend(await let_in(edge))
            return len(fresh) == MOST

        await eventually(free)
        for _, writer in (*kept, *fresh):
            writer.close()


async def test_connections_count_while_a_new_worker_takes_over(
    origin: RawOrigin, tmp_path: Path
) -> None:
    limits = {"connections_per_client": MOST}
    changes = {"workers": 2, "limits": limits, "drain_seconds": 3}
    async with EdgeProcess(tmp_path, origin.url, **changes).running() as edge:
        old = edge.workers()
        kept = await let_in(edge)
        os.kill(edge.pid, signal.SIGUSR2)

        async def both() -> bool:
            return len(edge.workers()) == 3 and bool(edge.told("a worker was replaced"))

        await eventually(both)
        # The first worker's connections are its own still, and idle.
        assert is_running(old[0])
        assert await let_in(edge) == []

        async def gone() -> bool:
            return not any(map(is_running, old))

        await eventually(gone)
        for _, writer in kept:
            writer.close()
        fresh = await let_in(edge)
        assert len(fresh) == MOST
        for _, writer in fresh:
            writer.close()


async def test_a_client_may_ask_so_often_in_all_workers(origin: RawOrigin, tmp_path: Path) -> None:
    limits = {"requests_per_second": 0.01, "request_burst": 10}
    edge = EdgeProcess(tmp_path, origin.url, workers=2, limits=limits)
    async with edge.running():
        got = [(await edge.viewer.get("/film")).status for _ in range(24)]
        assert got == [200] * 10 + [429] * 14

        killed = edge.workers()[0]
        os.kill(killed, signal.SIGKILL)

        async def replaced() -> bool:
            return killed not in edge.workers() and len(edge.workers()) == 2

        await eventually(replaced)
        again = await asyncio.gather(*(edge.viewer.get("/film") for _ in range(8)))
        # Those who met the killed one's socket waited for its successor.
        assert {one.status for one in again} == {429}

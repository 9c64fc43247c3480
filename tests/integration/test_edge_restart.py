"""An edge whose processes are replaced, killed and stopped while viewers are served."""

import asyncio
import contextlib
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import trustme

from tests.integration.proxy_service import Asked, RawOrigin, response
from tests.integration.test_edge_workers import EdgeProcess, eventually, is_running

CONNECTIONS = 500
SIZE = 20_000


def content(target: str) -> bytes:
    """The bytes that belong to a target."""
    return (target.encode() * SIZE)[:SIZE]


async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(response(content(asked.target), ("Cache-Control", "max-age=3600")))


@dataclass
class Load:
    """Viewers that ask without a pause, each on a connection that it keeps, and never twice."""

    port: int
    answered: int = 0
    broken: list[int] = field(default_factory=list)
    """The ports of connections whose request got no answer, or a broken one."""
    _ends: bool = False

    @contextlib.asynccontextmanager
    async def running(self, connections: int) -> AsyncIterator["Load"]:
        async with asyncio.TaskGroup() as viewers:
            for number in range(connections):
                viewers.create_task(self._view(number))
            await self.more()
            yield self
            self._ends = True

    async def more(self, count: int = 2000) -> None:
        """Waits until ``count`` more requests are answered."""
        wanted = self.answered + count

        async def enough() -> bool:
            return self.answered >= wanted

        await eventually(enough)

    async def _view(self, number: int) -> None:
        targets = self._targets(number)
        while not self._ends:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            own = writer.get_extra_info("sockname")[1]
            try:
                while not self._ends and await self._ask(next(targets), reader, writer):
                    self.answered += 1
            except (ConnectionError, asyncio.IncompleteReadError, ValueError):
                self.broken.append(own)
            finally:
                writer.close()

    def _targets(self, number: int) -> Iterator[str]:
        """What many ask for, and now and then what nobody has asked for before."""
        for turn in range(sys.maxsize):
            yield f"/own/{number}/{turn}" if turn % 50 == number % 50 else f"/{turn % 40}"

    async def _ask(
        self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Asks once; whether the connection may be used again.

        Raises:
            ValueError: the answer is wrong.
        """
        writer.write(f"GET {target} HTTP/1.1\r\nHost: cdn.test\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200") or b"content-length: %d\r" % SIZE not in head:
            raise ValueError(head)
        if await reader.readexactly(SIZE) != content(target):
            raise ValueError(target)
        return b"\r\nconnection: close\r\n" not in head


def connections_of(worker: int, port: int) -> set[int]:
    """The viewers' ports of the connections that a process has on ``port``."""
    inodes = set()
    for file in Path(f"/proc/{worker}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(os.readlink(file).removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        int(remote.partition(":")[2], 16)
        for _, local, remote, *_, inode in (row[:10] for row in rows)
        if inode in inodes and int(local.partition(":")[2], 16) == port
    } - {0}


@pytest.mark.parametrize("workers", [2, 1])
async def test_no_request_fails_while_the_workers_are_replaced(
    origin: RawOrigin, tmp_path: Path, workers: int
) -> None:
    origin.answers(answer)
    async with EdgeProcess(tmp_path, origin.url, workers=workers).running() as edge:
        before = edge.workers()

        async def replaced() -> bool:
            now = edge.workers()
            return len(now) == workers and not set(before) & set(now)

        async with Load(edge.viewer.port).running(CONNECTIONS) as load:
            os.kill(edge.pid, signal.SIGUSR2)
            await eventually(replaced)
            await load.more()
        assert load.broken == []


async def test_of_a_killed_worker_only_its_own_connections_break(
    origin: RawOrigin, tmp_path: Path
) -> None:
    origin.answers(answer)
    async with EdgeProcess(tmp_path, origin.url, workers=2).running() as edge:
        killed = edge.workers()[1]

        async def back() -> bool:
            return killed not in edge.workers() and len(edge.workers()) == 2

        async with Load(edge.viewer.port).running(100) as load:
            own = connections_of(killed, edge.viewer.port)
            os.kill(killed, signal.SIGKILL)
            await eventually(back)
            await load.more()
        assert len(own) > 10
        assert sorted(load.broken) == sorted(own)


async def test_of_a_killed_supervisor_nothing_is_left_and_the_next_start_finds_the_cache(
    origin: RawOrigin, tmp_path: Path
) -> None:
    edge = EdgeProcess(tmp_path, origin.url, workers=2)
    async with edge.running():
        await edge.viewer.get("/stored")
        workers = edge.workers()
        os.kill(edge.pid, signal.SIGKILL)
        async with edge.running():
            assert not any(map(is_running, workers))
            got = await edge.viewer.get("/stored")
    assert got.cache.startswith("hit")


async def test_what_is_under_way_is_finished_when_the_edge_is_stopped(
    origin: RawOrigin, tmp_path: Path
) -> None:
    body = bytes(range(256)) * 40_000
    origin.answers(response(body, ("Cache-Control", "max-age=3600")))

    async def download() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.viewer.port)
        writer.write(b"GET /film HTTP/1.1\r\nHost: cdn.test\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        begun.release()
        size = 0
        while piece := await reader.read(200_000):
            size += len(piece)
            await asyncio.sleep(0.01)
        writer.close()
        return size

    begun = asyncio.Semaphore(0)
    async with EdgeProcess(tmp_path, origin.url, workers=2).running() as edge:
        await edge.viewer.get("/film")
        downloads = [asyncio.create_task(download()) for _ in range(40)]
        for _ in downloads:
            await begun.acquire()
        assert edge.process is not None
        edge.process.terminate()
        sizes = await asyncio.gather(*downloads)
        status = await asyncio.to_thread(edge.process.wait, 20)
    assert (set(sizes), status) == ({len(body)}, 0)


async def test_a_stopped_edge_takes_its_runtime_folder_away(
    origin: RawOrigin, tmp_path: Path
) -> None:
    async with EdgeProcess(tmp_path, origin.url).running() as edge:
        mapped = Path(f"/proc/{edge.workers()[0]}/maps").read_text()
        runtime = Path(mapped[: mapped.index("/shared")].rpartition(" ")[2])
        assert runtime.is_dir()
    assert not runtime.exists()


async def test_a_worker_stays_and_stores_on_when_its_successor_cannot_start(
    origin: RawOrigin, tmp_path: Path, authority: trustme.CA
) -> None:
    chain = tmp_path / "server.pem"
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(chain))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    edge = EdgeProcess(tmp_path, origin.url, listen={"certificate": str(chain)})

    async def gave_up() -> bool:
        return bool(edge.told("the new worker does not start, the old one stays"))

    async with edge.running(), aiohttp.ClientSession() as viewer:
        before = edge.workers()
        chain.write_text("no certificate")
        os.kill(edge.pid, signal.SIGUSR2)
        await eventually(gave_up)
        for _ in range(2):
            url = f"https://127.0.0.1:{edge.viewer.port}/after"
            async with viewer.get(url, ssl=trusting) as answered:
                assert await answered.read() == b"hello"

        assert edge.workers() == before
        assert answered.headers["Cache-Status"].startswith("nearcast-edge; hit")


async def test_a_worker_that_cannot_start_ends_the_edge_with_its_sentence(
    origin: RawOrigin, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    edge = EdgeProcess(tmp_path, origin.url, workers=2, listen={"certificate": str(bad)})
    command = [sys.executable, "-m", "deploy", "edge", "--config", str(edge.config)]
    told = await asyncio.to_thread(
        subprocess.run, command, check=False, capture_output=True, text=True, timeout=60
    )

    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "bad.pem: certificate: a certificate chain" in told.stderr


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_port_of_another_edge_is_told(
    origin: RawOrigin, tmp_path: Path, workers: int
) -> None:
    first = EdgeProcess(tmp_path, origin.url, workers=workers)
    (tmp_path / "second").mkdir()
    listen = {"port": first.viewer.port}
    second = EdgeProcess(tmp_path / "second", origin.url, workers=workers, listen=listen)
    command = [sys.executable, "-m", "deploy", "edge", "--config", str(second.config)]
    async with first.running():
        told = await asyncio.to_thread(
            subprocess.run, command, check=False, capture_output=True, text=True, timeout=60
        )

    assert told.returncode == 1
    assert f"Port {first.viewer.port} on 127.0.0.1 is taken by another program" in told.stderr


@pytest.mark.parametrize("first", [0, 1])
async def test_a_purge_holds_for_every_worker_after_one_was_started_again(
    origin: RawOrigin, tmp_path: Path, first: int
) -> None:
    async with EdgeProcess(tmp_path, origin.url, workers=2).running() as edge:
        killed = edge.workers()[first]

        async def back() -> bool:
            return killed not in edge.workers() and len(edge.workers()) == 2

        os.kill(killed, signal.SIGKILL)
        await eventually(back)
        await asyncio.gather(*(edge.viewer.get("/page") for _ in range(30)))
        origin.answers(response(b"new", ("Cache-Control", "max-age=3600")))
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{edge.admin}") as operator,
            operator.post("/v1/purge", json={"prefix": "http://cdn.test/"}) as answered,
        ):
            assert answered.status == 200
        got = await asyncio.gather(*(edge.viewer.get("/page") for _ in range(30)))

    assert {one.body for one in got} == {b"new"}

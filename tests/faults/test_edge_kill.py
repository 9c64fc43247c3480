"""An edge that is killed while it stores: what it has afterwards is right, and nothing is left."""

import asyncio
import contextlib
import functools
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import tomli_w

from edge.store.claim import Claim
from edge.store.index import Index
from tests.integration.edge_service import until
from tests.integration.proxy_service import Asked, Got, RawOrigin, Viewer, raw_origin, response
from tests.servers.processes import free_ports, wait_until_open

SEEDS = range(10)
CLIENTS = 8
SIZES = (0, 1, 1000, 262_144, 262_145, 700_000, 1_200_000)
OBJECTS = [f"/{size}/{number}" for size in SIZES for number in range(12)]
DISK = 20_000_000
"""Bytes: less than all objects have, so that some are evicted all the time."""
PIECE = 100_000


@functools.cache
def content(target: str) -> bytes:
    """The bytes of an object."""
    return random.Random(target).randbytes(int(target.split("/")[1]))


async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Sends an object in pieces: its whole, or a range; every other one in chunks."""
    body = content(asked.target)
    fields = [("Cache-Control", "max-age=3600"), ("ETag", f'"{asked.target}"')]
    status = "200 OK"
    wanted = (asked.get("range") or "").removeprefix("bytes=")
    if wanted and body:
        first, _, last = wanted.partition("-")
        start, stop = int(first), min(int(last or len(body)) + 1, len(body))
        fields.append(("Content-Range", f"bytes {start}-{stop - 1}/{len(body)}"))
        status, body = "206 Partial Content", body[start:stop]
    chunked = status == "200 OK" and asked.target[-1] in "02468"
    if chunked:
        fields.append(("Transfer-Encoding", "chunked"))
        body = b"".join(
            b"%x\r\n%s\r\n" % (len(body[at : at + PIECE]), body[at : at + PIECE])
            for at in range(0, len(body), PIECE)
        )
        body += b"0\r\n\r\n"
    whole = response(body, *fields, status=status)
    for at in range(0, len(whole), PIECE):
        if writer.is_closing():
            return
        writer.write(whole[at : at + PIECE])
        await writer.drain()
        await asyncio.sleep(0.001)


class Edge:
    """An edge as a process of its own."""

    def __init__(self, folder: Path, origin: RawOrigin, workers: int) -> None:
        port, self.admin = free_ports(2)
        self.viewer = Viewer(port)
        self.cache = folder / "cache"
        self.config = folder / "edge.toml"
        settings = {
            "cache_folder": "cache",
            "listen": {"port": port},
            "admin": {"port": self.admin},
            "origin": {"url": origin.url},
            "disk": DISK,
            "memory": 0,
            "workers": workers,
            "log_level": "error",
        }
        self.config.write_text(tomli_w.dumps(settings))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[subprocess.Popen[bytes]]:
        log = self.config.with_suffix(".log")
        with log.open("ab") as output:
            command = [sys.executable, "-m", "deploy", "edge", "--config", str(self.config)]
            process = await asyncio.to_thread(
                subprocess.Popen, command, stdout=output, stderr=output
            )
        try:
            for port in (self.viewer.port, self.admin):
                await asyncio.to_thread(wait_until_open, port, process, log)
            yield process
        finally:
            process.kill()
            await asyncio.to_thread(process.wait)
            await asyncio.to_thread(self._tidy)

    def _tidy(self) -> None:
        """Takes away what the next start would: there may be none."""
        claim = Claim(self.cache)
        claim.runtime()
        claim.release()

    def orphans(self) -> set[int]:
        """The numbers of files that no record names."""
        found = [int(path.name, 16) for path in self.cache.glob("objects/*/*")]
        index = Index(self.cache / "index")
        try:
            known = index.knows(found)
        finally:
            asyncio.run(index.close())
        return {number for number, there in zip(found, known, strict=True) if not there}

    def incoming(self) -> list[Path]:
        return list((self.cache / "incoming").iterdir())


async def fetch(viewer: Viewer, chance: random.Random) -> tuple[str, int, Got]:
    """What one client asks for, from where on, and what it gets."""
    target = chance.choice(OBJECTS)
    size = len(content(target))
    if size < 2 or chance.random() < 0.5:
        return target, 0, await viewer.get(target)
    start = chance.randrange(size)
    stop = chance.randrange(start, size)
    return target, start, await viewer.get(target, ("Range", f"bytes={start}-{stop}"))


async def client(viewer: Viewer, chance: random.Random) -> None:
    """Fetches until the edge is gone; no byte is wrong, even of what is cut."""
    with contextlib.suppress(ConnectionError):
        while True:
            target, start, got = await fetch(viewer, chance)
            if got.status == 0:
                return
            assert got.status in {200, 206}
            assert content(target)[start if got.status == 206 else 0 :].startswith(got.body)


@pytest.mark.parametrize("seed", SEEDS)
async def test_after_kill_9_every_answer_is_right_and_no_file_is_left(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    async with raw_origin() as origin:
        origin.answers(answer)
        edge = Edge(tmp_path, origin, workers=1 + seed % 2)
        async with edge.running() as process, asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(client(edge.viewer, random.Random(chance.random())))
            await asyncio.sleep(chance.uniform(0.05, 2.0))
            os.kill(process.pid, signal.SIGKILL)

        async with edge.running():
            async with asyncio.timeout(10):
                while await asyncio.to_thread(edge.orphans):  # noqa: ASYNC110 - in a process
                    await asyncio.sleep(0.05)
            await until(lambda: edge.incoming() == [])
            for target in OBJECTS:
                got = await edge.viewer.get(target)
                assert (got.status, got.whole) == (200, True), target
                assert got.body == content(target), target

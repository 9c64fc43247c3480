"""An edge of several worker processes, which share one cache."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import tomli_w

from tests.integration.proxy_service import Asked, RawOrigin, Viewer, response
from tests.servers.processes import free_ports

BODY = bytes(range(256)) * 2000


class EdgeProcess:
    """An edge as an operator starts it: a supervisor and its workers."""

    def __init__(self, folder: Path, origin: str, /, **changes: Any) -> None:
        port, self.admin = free_ports(2)
        self.viewer = Viewer(port)
        self.config = folder / "edge.toml"
        self.log = folder / "edge.log"
        settings: dict[str, Any] = {
            "cache_folder": "cache",
            "listen": {"port": port},
            "admin": {"port": self.admin},
            "origin": {"url": origin},
            "memory": "16MiB",
            "disk": "100MiB",
            "drain_seconds": 10,
        }
        for name, value in changes.items():
            before = settings.get(name, {})
            settings[name] = {**before, **value} if isinstance(value, dict) else value
        self.config.write_text(tomli_w.dumps(settings))
        self.process: subprocess.Popen[bytes] | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["EdgeProcess"]:
        """Runs it while the block does, from when all its workers are ready."""
        self.log.write_bytes(b"")
        with self.log.open("ab") as output:
            command = [sys.executable, "-m", "deploy", "edge", "--config", str(self.config)]
            process = await asyncio.to_thread(
                subprocess.Popen, command, stdout=output, stderr=output
            )
        self.process = process
        try:
            await eventually(self._is_ready)
            yield self
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 20)

    async def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        return bool(self.told("ready"))

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def told(self, event: str) -> list[dict[str, Any]]:
        """What the supervisor has written into the log of one kind."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line[0] == "{"]
        return [line for line in lines if line["event"] == event]

    def workers(self) -> list[int]:
        """The worker processes that it has now."""
        return children(self.pid)


@pytest.fixture
async def running(origin: RawOrigin, tmp_path: Path) -> AsyncIterator[EdgeProcess]:
    async with EdgeProcess(tmp_path, origin.url, workers=3).running() as edge:
        yield edge


@pytest.fixture
def viewer(running: EdgeProcess) -> Viewer:
    return running.viewer


@pytest.fixture
def admin(running: EdgeProcess) -> int:
    return running.admin


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Waits until ``check`` answers true."""
    async with asyncio.timeout(30):
        while not await check():  # noqa: ASYNC110 - what is awaited happens in another process
            await asyncio.sleep(0.05)


async def metrics(admin: int) -> str:
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{admin}") as operator,
        operator.get("/metrics") as answered,
    ):
        return await answered.text()


async def has_workers(admin: int, count: int) -> bool:
    return (await metrics(admin)).count("process_resident_memory_bytes{worker=") == count


def children(parent: int) -> list[int]:
    """The processes that ``parent`` has started, by age."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat[1]) == parent and stat[0] not in "ZX":
            found.append((int(stat[19]), int(name)))
    return [pid for _, pid in sorted(found)]


def is_running(pid: int) -> bool:
    """Whether a process runs, and is not just waited for by nobody."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def times(origin: RawOrigin, target: str) -> int:
    return [asked.target for asked in origin.asked].count(target)


async def test_one_missing_object_is_fetched_once_for_all_workers(
    viewer: Viewer, origin: RawOrigin
) -> None:
    async def slow(_: Asked, writer: asyncio.StreamWriter) -> None:
        answer = response(BODY, ("Cache-Control", "max-age=3600"))
        writer.write(answer[:1000])
        await asyncio.sleep(0.5)
        writer.write(answer[1000:])

    origin.answers(slow)
    got = await asyncio.gather(*(viewer.get("/film") for _ in range(60)))

    assert {one.body for one in got} == {BODY}
    assert times(origin, "/film") == 1
    assert Counter(one.cache for one in got)["fwd=uri-miss; collapsed"] == 59


async def test_what_one_worker_stored_the_others_hit(viewer: Viewer, origin: RawOrigin) -> None:
    await viewer.get("/once")
    got = await asyncio.gather(*(viewer.get("/once") for _ in range(60)))

    assert all(one.cache.startswith("hit") for one in got)
    assert times(origin, "/once") == 1


async def test_a_purge_holds_for_every_worker_at_once(
    viewer: Viewer, origin: RawOrigin, admin: int
) -> None:
    await viewer.get("/page")
    await asyncio.gather(*(viewer.get("/page") for _ in range(30)))
    origin.answers(response(b"new", ("Cache-Control", "max-age=3600")))

    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{admin}") as operator,
        operator.post("/v1/purge", json={"prefix": "http://cdn.test/"}) as answered,
    ):
        assert answered.status == 200
    got = await asyncio.gather(*(viewer.get("/page") for _ in range(30)))

    assert {one.body for one in got} == {b"new"}


async def test_a_killed_worker_is_started_again(running: EdgeProcess) -> None:
    killed = running.workers()[0]
    os.kill(killed, signal.SIGKILL)

    async def replaced() -> bool:
        return killed not in running.workers() and len(running.workers()) == 3

    await eventually(replaced)
    got = await asyncio.gather(*(running.viewer.get("/after") for _ in range(30)))
    assert {one.status for one in got} == {200}


async def test_the_metrics_of_all_workers_add_up(viewer: Viewer, admin: int) -> None:
    await asyncio.gather(*(viewer.get("/counted") for _ in range(50)))

    lines = (await metrics(admin)).splitlines()
    counted = [line for line in lines if line.startswith("nearcast_edge_requests_total")]
    assert sum(float(line.split()[-1]) for line in counted) == 50


async def test_every_worker_writes_the_access_log(origin: RawOrigin, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    edge = EdgeProcess(tmp_path, origin.url, workers=2, access_log={"file": str(log)})
    async with edge.running():
        await asyncio.gather(*(edge.viewer.get(f"/logged?n={n}") for n in range(40)))
    lines = [json.loads(line) for line in (await asyncio.to_thread(log.read_text)).splitlines()]
    logged = [line for line in lines if line["target"].startswith("/logged")]
    assert sorted(line["target"] for line in logged) == sorted(f"/logged?n={n}" for n in range(40))
    assert {line["status"] for line in logged} == {200}


def in_memory(runtime: Path) -> tuple[set[str], int]:
    """The objects that all workers find in memory, and the bytes that are there, each file once.

    What is there twice was there in between: files come and go while this looks.
    """
    looks = []
    for _ in range(2):
        files = {}
        for file in (runtime / "memory").glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                found = file.stat()
                files[found.st_ino] = file.name, found.st_blocks * 512
        looks.append(files)
    kept = [looks[0][inode] for inode in looks[0].keys() & looks[1].keys()]
    return {name for name, _ in kept}, sum(size for _, size in kept)


async def test_all_workers_have_one_copy_in_memory_and_keep_to_the_budget(
    origin: RawOrigin, tmp_path: Path, runtime: Path
) -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response(BODY, ("Cache-Control", "max-age=3600"), ("ETag", asked.target)))

    origin.answers(answer)
    budget = 16 * 1024 * 1024
    async with EdgeProcess(tmp_path, origin.url, workers=2, memory=budget).running() as edge:
        # As the edge sees it, which may have mounted a file system of its own there.
        seen = Path(f"/proc/{edge.pid}/root{runtime}")

        async def view(number: int) -> None:
            for turn in range(12):
                got = await edge.viewer.get(f"/{(number * 7 + turn * 5) % 60}")
                assert got.body == BODY
                assert in_memory(seen)[1] <= budget

        await asyncio.gather(*map(view, range(20)))
        # What everybody asks for has been read by both workers.
        for _ in range(12):
            for number in range(5):
                await edge.viewer.get(f"/{number}")
        names, used = in_memory(seen)

    assert len(names) >= 5
    assert used <= budget
    assert used <= len(names) * (len(BODY) + 4096), "some are there twice"

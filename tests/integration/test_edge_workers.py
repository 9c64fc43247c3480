"""An edge of several worker processes, which share one cache."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from common.service import ListenSettings
from edge.settings import AccessLogSettings
from tests.integration.proxy_service import (
    Asked,
    RawOrigin,
    Viewer,
    proxy,
    response,
)
from tests.servers.processes import free_ports

BODY = bytes(range(256)) * 2000


@pytest.fixture
async def admin() -> int:
    return free_ports(1)[0]


@pytest.fixture
async def viewer(origin: RawOrigin, tmp_path: Path, admin: int) -> AsyncIterator[Viewer]:
    listen = ListenSettings(port=admin)
    async with proxy(tmp_path, origin, workers=3, admin=listen) as client:
        await eventually(lambda: has_workers(admin, 3))
        yield client


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


def children() -> list[int]:
    """The worker processes that this process has started."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path("/proc", name, "stat").read_text()
            command = Path("/proc", name, "cmdline").read_bytes()
        except OSError:
            continue
        if int(stat.rpartition(")")[2].split()[1]) == os.getpid() and b"edge.worker" in command:
            found.append(int(name))
    return found


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


async def test_a_killed_worker_is_started_again(viewer: Viewer, admin: int) -> None:
    killed = children()[0]
    os.kill(killed, signal.SIGKILL)

    async def replaced() -> bool:
        return killed not in children() and await has_workers(admin, 3)

    await eventually(replaced)
    got = await asyncio.gather(*(viewer.get("/after") for _ in range(30)))
    assert {one.status for one in got} == {200}


async def test_the_metrics_of_all_workers_add_up(viewer: Viewer, admin: int) -> None:
    await asyncio.gather(*(viewer.get("/counted") for _ in range(50)))

    lines = (await metrics(admin)).splitlines()
    counted = [line for line in lines if line.startswith("nearcast_edge_requests_total")]
    assert sum(float(line.split()[-1]) for line in counted) == 50


async def test_every_worker_writes_the_access_log(origin: RawOrigin, tmp_path: Path) -> None:
    log = tmp_path / "access.log"

    async def started() -> bool:
        return bool(children())

    async with proxy(
        tmp_path / "cache", origin, workers=2, access_log=AccessLogSettings(file=log)
    ) as client:
        await eventually(started)
        await asyncio.gather(*(client.get(f"/logged?n={n}") for n in range(40)))
    lines = [json.loads(line) for line in (await asyncio.to_thread(log.read_text)).splitlines()]
    logged = [line for line in lines if line["target"].startswith("/logged")]
    assert sorted(line["target"] for line in logged) == sorted(f"/logged?n={n}" for n in range(40))
    assert {line["status"] for line in logged} == {200}

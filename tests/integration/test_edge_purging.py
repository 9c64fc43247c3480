"""Purging over the admin port: what is taken, how, and from when on."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tomli_w

from edge.store.index import Index
from tests.bench.index_start import batches, record
from tests.integration.proxy_service import (
    Asked,
    RawOrigin,
    Viewer,
    raw_origin,
    response,
)
from tests.integration.purging_service import PATHS, Purged, fill, running, tagged
from tests.integration.test_edge_small_objects import rows
from tests.servers.processes import free_ports, wait_until_open


@pytest.fixture
async def origin() -> AsyncIterator[RawOrigin]:
    async with raw_origin() as scripted:
        scripted.answers(tagged)
        yield scripted


@pytest.fixture
async def purged(origin: RawOrigin, tmp_path: Path) -> AsyncIterator[Purged]:
    async with running(tmp_path, origin) as put_together:
        yield put_together


PURGES = [
    pytest.param({"url": "http://cdn.test/a/1"}, ["/a/1"], id="url"),
    pytest.param({"prefix": "http://cdn.test/a/"}, ["/a/1", "/a/2"], id="prefix"),
    pytest.param({"prefix": "http://cdn.test/a"}, ["/a/1", "/a/2", "/ab/3"], id="short-prefix"),
    pytest.param({"tag": "1"}, ["/a/1", "/b/1"], id="tag"),
    pytest.param({"everything": True}, list(PATHS), id="everything"),
    pytest.param({"url": "http://cdn.test/c"}, [], id="unknown-url"),
    pytest.param({"prefix": "https://cdn.test/"}, [], id="other-scheme"),
    pytest.param({"tag": "A"}, [], id="unknown-tag"),
]


@pytest.mark.parametrize(("asked", "taken"), PURGES)
async def test_a_hard_purge_takes_what_it_names_and_nothing_else(
    purged: Purged, asked: dict[str, Any], taken: list[str]
) -> None:
    await fill(purged.viewer)

    assert (await purged.purge(**asked)).status == 200

    told = {path: (await purged.viewer.get(path)).cache for path in PATHS}
    assert [path for path in PATHS if "fwd=uri-miss" in told[path]] == taken
    assert [path for path in PATHS if told[path].startswith("hit")] == [
        path for path in PATHS if path not in taken
    ]


@pytest.mark.parametrize(("asked", "taken"), PURGES)
async def test_a_soft_purge_has_what_it_names_validated_and_nothing_else(
    purged: Purged, origin: RawOrigin, asked: dict[str, Any], taken: list[str]
) -> None:
    await fill(purged.viewer)
    origin.asked.clear()

    await purged.purge(**asked, soft=True)

    bodies = [(await purged.viewer.get(path)).body for path in PATHS]
    assert bodies == [path.encode() for path in PATHS]
    assert [request.target for request in origin.asked] == taken
    assert {request.get("if-none-match") for request in origin.asked} <= {'"x"'}


async def test_what_was_validated_after_a_soft_purge_is_fresh_again(purged: Purged) -> None:
    await fill(purged.viewer)
    await purged.purge(everything=True, soft=True)
    await purged.viewer.get("/a/1")

    assert (await purged.viewer.get("/a/1")).cache.startswith("hit")


async def test_what_comes_after_a_purge_is_stored(purged: Purged) -> None:
    await purged.purge(everything=True)

    await fill(purged.viewer)


async def test_a_purge_tells_what_it_is(purged: Purged) -> None:
    await purged.purge(everything=True)
    got = await purged.purge(url="HTTP://CDN.test:80/a?token=1", soft=True)

    assert json.loads(got.body) == {
        "purge": 2,
        "scope": "url",
        "value": "http://cdn.test/a",
        "soft": True,
    }


@pytest.mark.parametrize("filling", [0, 100_000])
async def test_the_bytes_of_what_a_hard_purge_took_are_deleted(
    tmp_path: Path, filling: int
) -> None:
    """Those that are in the index, and those that are in files."""

    async def large(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response(bytes(filling + 1), ("Cache-Control", "max-age=3600")))

    async with raw_origin() as origin, running(tmp_path, origin) as purged:
        origin.answers(large)
        await fill(purged.viewer)
        assert len(files(tmp_path)) == (len(PATHS) if filling else 0)

        # Objects are uncounted before the index is rid of them, and a stop may come between; sweeps
        # follow one another, so that the first is at its end when the second has taken something.
        for left, prefix in ((2, "/a/"), (1, "/b/")):
            await purged.purge(prefix=f"http://cdn.test{prefix}")
            async with asyncio.timeout(30):
                while await purged.metric("nearcast_edge_objects") != left:
                    pass
    assert 1 <= len(files(tmp_path)) + len(rows(tmp_path)) <= 2


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "objects").rglob("*") if path.is_file()]


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(
    "asked",
    [
        {"url": "http://cdn.test/a/1"},
        {"prefix": "http://cdn.test/a"},
        {"tag": "a"},
        {"everything": True},
    ],
)
@pytest.mark.parametrize("sent", ["nothing", "the-head"])
async def test_a_response_that_was_on_its_way_during_the_purge_is_not_stored(
    purged: Purged, origin: RawOrigin, asked: dict[str, Any], soft: bool, sent: str
) -> None:
    waits, go = asyncio.Event(), asyncio.Event()

    async def slow(_: Asked, writer: asyncio.StreamWriter) -> None:
        whole = response(b"before", ("Cache-Control", "max-age=60"), ("Surrogate-Key", "a"))
        first = whole[:-3] if sent == "the-head" else b""
        writer.write(first)
        waits.set()
        await go.wait()
        writer.write(whole.removeprefix(first))

    origin.answers(slow, tagged)
    coming = asyncio.create_task(purged.viewer.get("/a/1"))
    await waits.wait()
    await asyncio.sleep(0.1)

    await purged.purge(**asked, soft=soft)

    go.set()
    assert (await coming).body == b"before"
    assert (await purged.viewer.get("/a/1")).body == b"/a/1"


@pytest.mark.parametrize("sent", ["nothing", "the-head"])
async def test_whoever_asks_after_a_purge_does_not_wait_for_what_was_on_its_way_before(
    purged: Purged, origin: RawOrigin, sent: str
) -> None:
    waits, go = asyncio.Event(), asyncio.Event()

    async def slow(_: Asked, writer: asyncio.StreamWriter) -> None:
        whole = response(b"before", ("Cache-Control", "max-age=60"))
        first = whole[:-3] if sent == "the-head" else b""
        writer.write(first)
        waits.set()
        await go.wait()
        writer.write(whole.removeprefix(first))

    origin.answers(slow, tagged)
    coming = asyncio.create_task(purged.viewer.get("/a/1"))
    await waits.wait()
    await asyncio.sleep(0.1)
    await purged.purge(url="http://cdn.test/a/1")

    assert (await purged.viewer.get("/a/1")).body == b"/a/1"
    go.set()
    assert (await coming).body == b"before"


async def test_a_response_that_was_on_its_way_is_stored_when_the_purge_names_another(
    purged: Purged, origin: RawOrigin
) -> None:
    waits, go = asyncio.Event(), asyncio.Event()

    async def slow(asked: Asked, writer: asyncio.StreamWriter) -> None:
        waits.set()
        await go.wait()
        await tagged(asked, writer)

    origin.answers(slow)
    coming = asyncio.create_task(purged.viewer.get("/a/1"))
    await waits.wait()
    await purged.purge(tag="other")
    go.set()
    await coming

    assert (await purged.viewer.get("/a/1")).body == b"/a/1"
    assert len(origin.asked) == 1


OBJECTS = 20_000


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with 20,000 empty objects under one tag."""
    folder = tmp_path_factory.mktemp("many")
    index = Index(folder / "index")
    now = time.time()
    for numbers in batches(OBJECTS):
        index.write_now(
            index.put(
                f"http://cdn.test/{number}",
                msgspec.structs.replace(
                    record(number), size=0, held=(), received_at=now, tags=("red",)
                ),
            )
            for number in numbers
        )
    asyncio.run(index.close())
    return folder


@pytest.fixture
def many(filled: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(filled, tmp_path, dirs_exist_ok=True)


@pytest.mark.parametrize("soft", [False, True])
def test_a_purge_of_20_000_objects_holds_when_it_is_answered(many: Path, soft: bool) -> None:
    async def purge() -> None:
        async with raw_origin() as origin, running(many, origin) as purged:
            assert (await purged.viewer.get("/7777")).cache.startswith("hit")

            got = await purged.purge(tag="red", soft=soft)
            assert (got.status, json.loads(got.body)["value"]) == (200, "red")
            for number in (1, 10_000, OBJECTS):
                assert (await purged.viewer.get(f"/{number}")).body == b"hello"

    asyncio.run(purge())


def test_a_purge_of_20_000_objects_is_swept_while_viewers_are_answered(many: Path) -> None:
    async def purge() -> None:
        async with raw_origin() as origin, running(many, origin) as purged:
            assert await purged.metric("nearcast_edge_objects") == OBJECTS
            await purged.purge(tag="red")
            async with asyncio.timeout(60):
                while await purged.metric("nearcast_edge_objects") > 1:
                    assert (await purged.viewer.get("/x")).body == b"hello"

    asyncio.run(purge())


@pytest.mark.parametrize("soft", [False, True])
async def test_a_purge_holds_after_a_restart(tmp_path: Path, origin: RawOrigin, soft: bool) -> None:
    async with running(tmp_path, origin) as purged:
        await fill(purged.viewer)
        await purged.purge(url="http://cdn.test/a/1", soft=soft)
    async with running(tmp_path, origin) as purged:
        assert not (await purged.viewer.get("/a/1")).cache.startswith("hit")
        assert (await purged.viewer.get("/a/2")).cache.startswith("hit")


@pytest.mark.parametrize("soft", [False, True])
async def test_a_purge_that_was_answered_holds_after_kill_9(
    tmp_path: Path, origin: RawOrigin, soft: bool
) -> None:
    port, admin = free_ports(2)
    config = tmp_path / "edge.toml"
    settings = {
        "cache_folder": "cache",
        "listen": {"port": port},
        "admin": {"port": admin},
        "origin": {"url": origin.url},
    }
    config.write_text(tomli_w.dumps(settings))
    purged = Purged(Viewer(port), Viewer(admin))
    for killed in (True, False):
        async with process(config, admin) as edge_process:
            if killed:
                await fill(purged.viewer)
                assert (await purged.purge(tag="1", soft=soft)).status == 200
                os.kill(edge_process.pid, signal.SIGKILL)
                await closed(admin)
            else:
                assert not (await purged.viewer.get("/a/1")).cache.startswith("hit")
                assert (await purged.viewer.get("/a/2")).cache.startswith("hit")


async def closed(port: int) -> None:
    """Waits until nobody listens on ``port``: workers leave once their supervisor is gone."""
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                return
            writer.close()
            await asyncio.sleep(0.05)


@asynccontextmanager
async def process(config: Path, port: int) -> AsyncIterator[subprocess.Popen[bytes]]:
    """An edge as a process of its own."""
    log = config.with_suffix(".log")
    with log.open("ab") as output:
        command = [sys.executable, "-m", "deploy", "edge", "--config", str(config)]
        started = await asyncio.to_thread(subprocess.Popen, command, stdout=output, stderr=output)
    try:
        await asyncio.to_thread(wait_until_open, port, started, log)
        yield started
    finally:
        started.kill()
        await asyncio.to_thread(started.wait)

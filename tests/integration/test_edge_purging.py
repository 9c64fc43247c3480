"""Purging over the admin port: what is taken, how, from when on, and who may."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tomli_w

from common.service import CredentialSettings, ListenSettings, Role
from edge.store.index import Index
from tests.bench.index_start import batches, record
from tests.integration.edge_service import edge, until
from tests.integration.proxy_service import (
    Asked,
    Got,
    RawOrigin,
    Viewer,
    proxy_settings,
    raw_origin,
    response,
)
from tests.servers.processes import free_ports, wait_until_open


@dataclass
class Purged:
    """An edge, and its operators' port."""

    viewer: Viewer
    admin: Viewer

    async def purge(self, *fields: tuple[str, str], **asked: Any) -> Got:
        return await self.admin.request(
            "POST", "/v1/purge", *fields, body=json.dumps(asked).encode()
        )

    async def metric(self, name: str) -> float:
        lines = (await self.admin.get("/metrics")).body.decode().splitlines()
        return float(next(line.split()[-1] for line in lines if line.startswith(name)))


@asynccontextmanager
async def running(folder: Path, origin: RawOrigin, **changes: Any) -> AsyncIterator[Purged]:
    settings = proxy_settings(folder, origin.url, **changes)
    async with edge(settings):
        yield Purged(Viewer(settings.listen.port), Viewer(settings.admin.port))


@pytest.fixture
async def origin() -> AsyncIterator[RawOrigin]:
    async with raw_origin() as scripted:
        scripted.answers(tagged)
        yield scripted


@pytest.fixture
async def purged(origin: RawOrigin, tmp_path: Path) -> AsyncIterator[Purged]:
    async with running(tmp_path, origin) as put_together:
        yield put_together


async def tagged(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Tags each response with the segments of its path, and confirms what is asked for again."""
    fields = (
        ("Cache-Control", "max-age=3600"),
        ("ETag", '"x"'),
        ("Surrogate-Key", asked.target.replace("/", " ")),
    )
    if asked.get("if-none-match") == '"x"':
        writer.write(response(b"", *fields, status="304 Not Modified"))
    else:
        writer.write(response(asked.target.encode(), *fields))


PATHS = ("/a/1", "/a/2", "/b/1", "/ab/3")

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


async def fill(viewer: Viewer) -> None:
    """Has all of ``PATHS`` stored."""
    for path in PATHS:
        while not (await viewer.get(path)).cache.startswith("hit"):
            pass


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


async def test_the_files_of_what_a_hard_purge_took_are_deleted(
    purged: Purged, tmp_path: Path
) -> None:
    await fill(purged.viewer)
    assert len(files(tmp_path)) == len(PATHS)

    await purged.purge(prefix="http://cdn.test/a/")

    await until(lambda: len(files(tmp_path)) == 2)


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


OBJECTS = 100_000


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A cache with 100,000 empty objects under one tag."""
    index = Index(tmp_path / "index")
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
    return tmp_path


@pytest.mark.parametrize("soft", [False, True])
def test_a_purge_of_100_000_objects_holds_when_it_is_answered(many: Path, soft: bool) -> None:
    async def purge() -> None:
        async with raw_origin() as origin, running(many, origin) as purged:
            assert (await purged.viewer.get("/77777")).cache.startswith("hit")

            got = await purged.purge(tag="red", soft=soft)
            assert (got.status, json.loads(got.body)["value"]) == (200, "red")
            for number in (1, 50_000, OBJECTS):
                assert (await purged.viewer.get(f"/{number}")).body == b"hello"

    asyncio.run(purge())


def test_a_purge_of_100_000_objects_is_swept_while_viewers_are_answered(many: Path) -> None:
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
            else:
                assert not (await purged.viewer.get("/a/1")).cache.startswith("hit")
                assert (await purged.viewer.get("/a/2")).cache.startswith("hit")


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


TOKENS = {role: f"token-of-the-{role.value}" for role in Role}
CREDENTIALS = tuple(
    CredentialSettings(name=role.value, token=token, roles=(role,))
    for role, token in TOKENS.items()
)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Bearer somebody-else's-token", 401),
        ("Digest x", 401),
        *(
            (f"Bearer {token}", 200 if role in {Role.OPERATOR, Role.CONTROL} else 403)
            for role, token in TOKENS.items()
        ),
    ],
)
async def test_with_credentials_only_operators_and_the_control_plane_purge(
    tmp_path: Path, origin: RawOrigin, authorization: str | None, status: int
) -> None:
    fields = () if authorization is None else (("Authorization", authorization),)
    async with running(tmp_path, origin, credentials=CREDENTIALS) as purged:
        await fill(purged.viewer)
        got = await purged.purge(*fields, everything=True)
        hit = (await purged.viewer.get("/a/1")).cache.startswith("hit")

    assert (got.status, hit) == (status, status != 200)
    assert (got.get("www-authenticate") is not None) is (status == 401)


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("0.0.0.0", 403)])
async def test_without_credentials_purging_is_open_on_loopback_alone(
    tmp_path: Path, origin: RawOrigin, host: str, status: int
) -> None:
    (port,) = free_ports(1)
    listen = ListenSettings(host=host, port=port)
    async with running(tmp_path, origin, admin=listen) as purged:
        assert (await purged.purge(everything=True)).status == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"everything": false}',
        b'{"soft": true}',
        b'{"url": "http://cdn.test/", "tag": "a"}',
        b'{"everything": true, "tag": "a"}',
        b'{"tag": 1}',
        b'{"tags": ["a"]}',
        b'{"url": "/a"}',
        b'{"url": "ftp://cdn.test/a"}',
        b'{"url": "http:///a"}',
        b'{"url": "http://user@cdn.test/a"}',
        b'{"url": "http://cdn.test/a b"}',
        b'{"url": ""}',
        b'{"tag": "' + b"a" * 65_536 + b'"}',
    ],
)
async def test_a_request_that_names_nothing_clearly_is_refused_and_takes_nothing(
    purged: Purged, body: bytes
) -> None:
    await fill(purged.viewer)

    got = await purged.admin.request("POST", "/v1/purge", body=body)

    assert (got.status, got.get("content-type")) == (400, "application/problem+json")
    assert (await purged.viewer.get("/a/1")).cache.startswith("hit")


async def test_purging_is_not_answered_on_the_viewers_port(
    purged: Purged, origin: RawOrigin
) -> None:
    await fill(purged.viewer)

    await purged.viewer.request("POST", "/v1/purge", body=b'{"everything": true}')

    assert origin.asked[-1].target == "/v1/purge"
    assert (await purged.viewer.get("/a/1")).cache.startswith("hit")

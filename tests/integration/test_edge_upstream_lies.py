"""Origins that lie, stall, babble or break off: nobody gets wrong bytes, and the edge lives on."""

import asyncio
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.fetch.connection import Timeouts
from tests.integration.proxy_service import (
    Asked,
    RawOrigin,
    Script,
    Viewer,
    proxy,
    response,
)

FRESH = ("Cache-Control", "max-age=3600")
GOOD = response(b"good", FRESH)


@pytest.fixture
async def viewer(
    origin: RawOrigin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Viewer]:
    monkeypatch.setattr("edge.app.TIMEOUTS", Timeouts(connect=1, first_byte=1, stall=1))
    async with proxy(tmp_path, origin) as client:
        yield client


def saying(data: bytes, *, closing: bool = True) -> Script:
    async def answer(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if closing:
            writer.close()

    return answer


HEAD = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
FIRST = b"\r\na\r\nonly these\r\n"
"""The end of the head, and a chunk."""

NONSENSE = {
    "garbage": b"\x00\x01\x02 garbage\r\n\r\n",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nCache-Control: max",
    "both lengths": HEAD
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nevil!",
    "no length": HEAD + b"Content-Length: many\r\n\r\nevil",
    "a NUL": HEAD + b"X: a\x00b\r\nContent-Length: 4\r\n\r\nevil",
    "a field without a colon": HEAD + b"evil\r\nContent-Length: 4\r\n\r\nevil",
    "HTTP/0.9": b"evil without a head",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 4\r\n\r\nevil",
    "no status": b"HTTP/1.1 OK\r\nContent-Length: 4\r\n\r\nevil",
    "an endless head": HEAD + b"X: y\r\n" * 30_000,
    "an endless field": HEAD + b"X: " + b"y" * 200_000,
    "interim responses without end": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100,
}


@pytest.mark.parametrize("data", NONSENSE.values(), ids=NONSENSE.keys())
async def test_nonsense_is_a_bad_gateway(viewer: Viewer, origin: RawOrigin, data: bytes) -> None:
    origin.answers(saying(data))
    got = await viewer.get()

    assert got.status == 502
    assert got.get("content-type") == "application/problem+json"


@pytest.mark.parametrize("data", NONSENSE.values(), ids=NONSENSE.keys())
async def test_after_nonsense_the_next_request_is_answered(
    viewer: Viewer, origin: RawOrigin, data: bytes
) -> None:
    origin.answers(saying(data), GOOD)
    await viewer.get()

    assert (await viewer.get()).body == b"good"


CUT = {
    "fewer bytes than told": HEAD + b"Content-Length: 100\r\n\r\nonly these",
    "a chunk that ends early": HEAD + b"Transfer-Encoding: chunked\r\n\r\n64\r\nonly these",
    "no last chunk": HEAD + CHUNKED + FIRST,
    "a bad chunk size": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\na\r\nonly these\r\nzz\r\nevil\r\n0\r\n\r\n",
    "an endless chunk size": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\na\r\nonly these\r\n"
    + b"f" * 99,
}


@pytest.mark.parametrize("data", CUT.values(), ids=CUT.keys())
async def test_what_breaks_off_never_has_a_proper_end(
    viewer: Viewer, origin: RawOrigin, data: bytes
) -> None:
    origin.answers(saying(data), GOOD)
    got = await viewer.get()

    assert got.status == 502 or not got.whole
    assert b"only these".startswith(got.body) or got.status == 502
    assert (await viewer.get()).body == b"good"


@pytest.mark.parametrize("data", CUT.values(), ids=CUT.keys())
async def test_what_breaks_off_uncached_never_has_a_proper_end_either(
    viewer: Viewer, origin: RawOrigin, data: bytes
) -> None:
    origin.answers(saying(data.replace(b"max-age=3600", b"no-store")), GOOD)
    got = await viewer.get()

    assert got.status == 502 or not got.whole


async def test_more_bytes_than_told_reach_nobody(viewer: Viewer, origin: RawOrigin) -> None:
    more = HEAD + b"Content-Length: 4\r\n\r\ngoodHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    origin.answers(saying(more, closing=False), response(b"next", FRESH))

    assert (await viewer.get("/a")).body == b"good"
    assert (await viewer.get("/b")).body == b"next"


async def test_an_origin_that_does_not_answer_is_a_gateway_timeout(
    viewer: Viewer, origin: RawOrigin
) -> None:
    async def silent(_: Asked, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    origin.answers(silent, GOOD)

    assert (await viewer.get()).status == 504


async def test_an_origin_that_stalls_midway_is_cut(viewer: Viewer, origin: RawOrigin) -> None:
    async def stalling(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 100\r\n\r\nonly these")
        await writer.drain()
        await asyncio.sleep(5)

    origin.answers(stalling, GOOD)
    got = await viewer.get()

    assert got.status == 504 or not got.whole
    assert (await viewer.get()).body == b"good"


async def endless(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _number in range(3000):
        writer.write(b"10000\r\n" + b"~" * 65536 + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")


async def test_a_body_without_end_passes_and_takes_neither_disk_nor_memory(
    origin: RawOrigin, tmp_path: Path
) -> None:
    origin.answers(endless)
    async with proxy(tmp_path, origin, disk=20_000_000) as viewer:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        first = await read_away(viewer)
        second = await read_away(viewer)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    stored = sum(
        file.stat().st_size for file in (tmp_path / "objects").rglob("*") if file.is_file()
    )

    assert (first, second) == (3000 * 65536, 3000 * 65536)
    assert grown < 100_000
    assert stored < 20_000_000


async def read_away(viewer: Viewer) -> int:
    """How many bytes of the content come until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", viewer.port)
    writer.write(b"GET /film HTTP/1.1\r\nHost: cdn.test\r\nConnection: close\r\n\r\n")
    count = 0
    async with asyncio.timeout(60):
        try:
            while piece := await reader.read(1 << 16):
                count += piece.count(b"~")
        except ConnectionError:
            pass
    writer.close()
    return count


async def test_two_viewers_never_get_each_other_s_answers(
    viewer: Viewer, origin: RawOrigin
) -> None:
    async def by_name(asked: Asked, writer: asyncio.StreamWriter) -> None:
        body = asked.target.encode() * 1000
        if hash(asked.target) % 3 == 0:
            writer.write(HEAD + b"Content-Length: 999999\r\n\r\n" + body)
            await writer.drain()
            writer.close()
        else:
            writer.write(response(body, FRESH))

    origin.answers(by_name)
    names = [f"/object-{number}" for number in range(60)] * 2
    got = await asyncio.gather(*(viewer.get(name) for name in names))

    for name, one in zip(names, got, strict=True):
        if one.status == 200:
            assert (name.encode() * 1000).startswith(one.body)
            assert one.whole == (len(one.body) == len(name) * 1000 and hash(name) % 3 != 0)

"""Path tokens and limits, as viewers meet them."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from common.service import TokenKeySettings
from common.settings import ByteSize
from common.signing import PathToken, mint
from edge.limit_settings import LimitSettings
from edge.settings import AccessLogSettings
from tests.integration.edge_service import edge
from tests.integration.proxy_service import RawOrigin, Viewer, proxy_settings, response

SECRET = "a secret of more than thirty-two characters"
KEYS = (TokenKeySettings(key_id="k", secret=SECRET),)
FRESH = ("Cache-Control", "max-age=3600")


def path_of(target: str, prefix: str = "/", *, left: int = 86_400, address: str = "") -> str:
    """A path with a token; some are made when tests are collected, long before they run."""
    return f"/t/{mint(PathToken('k', prefix, int(time.time()) + left, address), SECRET)}{target}"


async def to_end(reader: asyncio.StreamReader) -> int:
    """How many bytes come until the connection ends."""
    got = 0
    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 20):
                got += len(data)
    return got


async def test_what_is_behind_a_token_is_one_object_for_all_tokens(
    origin: RawOrigin, tmp_path: Path
) -> None:
    origin.answers(response(b"film", FRESH))
    settings = proxy_settings(tmp_path, origin.url, token_keys=KEYS)
    async with edge(settings):
        viewer = Viewer(settings.listen.port)
        got = [await viewer.get(path_of("/v/a", left=86_400 + turn)) for turn in range(4)]

    assert [one.body for one in got] == [b"film"] * 4
    assert [asked.target for asked in origin.asked] == ["/v/a"]
    assert got[-1].cache.startswith("hit")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("/v/a", "missing"),
        ("/t/AAAA/v/a", "none that was issued"),
        ("/t/", "missing"),
        (path_of("/v/a", left=-1), "expired"),
        (path_of("/v/a", "/w/"), "another path"),
        (path_of("/v/a", address="192.0.2.1"), "another path or client"),
        (path_of("/v/../w/a", "/v/"), "another path"),
        (path_of("/v/%2e%2e/w/a", "/v/"), "another path"),
        (path_of("//v/a"), "another path"),
    ],
)
async def test_who_has_no_good_token_gets_nothing(
    origin: RawOrigin, tmp_path: Path, target: str, why: str
) -> None:
    origin.answers(response(b"film", FRESH))
    settings = proxy_settings(tmp_path, origin.url, token_keys=KEYS)
    async with edge(settings):
        viewer = Viewer(settings.listen.port)
        for _ in range(3):
            await viewer.get(path_of("/v/a"))
        got = await viewer.get(target)

    assert (got.status, got.get("cache-control")) == (403, "no-store")
    assert why in got.body.decode()
    assert len(origin.asked) == 1


async def test_no_token_is_written_to_the_access_log(origin: RawOrigin, tmp_path: Path) -> None:
    origin.answers(response(b"film", FRESH))
    log = tmp_path / "access.log"
    settings = proxy_settings(
        tmp_path, origin.url, token_keys=KEYS, access_log=AccessLogSettings(file=log)
    )
    async with edge(settings):
        viewer = Viewer(settings.listen.port)
        for _ in range(4):
            await viewer.get(path_of("/v/a"))
    lines = log.read_text().splitlines()

    assert len(lines) == 4
    assert all('"target":"/t/-/v/a"' in line for line in lines)


async def test_a_client_that_asks_too_often_is_told_when_to_come_again(
    origin: RawOrigin, tmp_path: Path
) -> None:
    origin.answers(response(b"film", FRESH))
    limits = LimitSettings(requests_per_second=0.1, request_burst=6)
    settings = proxy_settings(tmp_path, origin.url, limits=limits)
    async with edge(settings):
        viewer = Viewer(settings.listen.port)
        got = [await viewer.get("/v/a") for _ in range(8)]

    assert [one.status for one in got] == [200] * 6 + [429] * 2
    assert got[-1].get("retry-after") == "1"


async def test_a_client_may_have_only_so_many_connections(
    origin: RawOrigin, tmp_path: Path
) -> None:
    origin.answers(response(b"film", FRESH))
    settings = proxy_settings(tmp_path, origin.url, limits=LimitSettings(connections_per_client=2))
    async with edge(settings):
        port = settings.listen.port
        kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        await asyncio.sleep(0.1)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await to_end(reader) == 0
        writer.close()
        kept[0][1].close()
        await asyncio.sleep(0.1)
        assert (await Viewer(port).get("/v/a")).status == 200
        kept[1][1].close()


@pytest.mark.parametrize("sent", [b"", b"GET /v/a HT", b"POST /v/a HTTP/1.1\r\nHo"])
async def test_who_keeps_the_edge_waiting_for_a_head_is_let_go(
    origin: RawOrigin, tmp_path: Path, sent: bytes
) -> None:
    origin.answers(response(b"film", FRESH))
    limits = LimitSettings(head_seconds=1, idle_seconds=1)
    settings = proxy_settings(tmp_path, origin.url, limits=limits)
    async with edge(settings):
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.listen.port)
        writer.write(sent)
        assert await to_end(reader) == 0
        writer.close()


async def test_who_takes_next_to_nothing_of_an_answer_is_let_go(
    origin: RawOrigin, tmp_path: Path
) -> None:
    origin.answers(response(b"x" * 30_000_000, FRESH))
    limits = LimitSettings(send_bytes_per_second=100_000, send_seconds=1)
    settings = proxy_settings(
        tmp_path, origin.url, limits=limits, memory=ByteSize(1 << 30), disk=ByteSize(1 << 30)
    )
    async with edge(settings):
        viewer = Viewer(settings.listen.port)
        for _ in range(3):
            await viewer.get("/v/a")
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.listen.port)
        writer.write(b"GET /v/a HTTP/1.1\r\nHost: cdn.test\r\n\r\n")
        await asyncio.sleep(5)
        got = await to_end(reader)
        writer.close()

    assert got < 30_000_000


def connections_from(port: int, own: int) -> int:
    """How many connections the server on ``port`` has with the viewer's port ``own``."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[2].endswith(f":{own:04X}") for row in rows)


async def test_who_asks_on_and_on_without_reading_is_let_go(
    origin: RawOrigin, tmp_path: Path
) -> None:
    origin.answers(response(bytes(2000), FRESH))
    settings = proxy_settings(tmp_path, origin.url, limits=LimitSettings(idle_seconds=1))
    port = settings.listen.port
    async with edge(settings):
        for _ in range(3):
            await Viewer(port).get("/v/a")
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        own = writer.get_extra_info("sockname")[1]
        writer.write(b"GET /v/a HTTP/1.1\r\nHost: cdn.test\r\n\r\n" * 20_000)
        await asyncio.sleep(0.5)
        assert connections_from(port, own) == 1
        await asyncio.sleep(4)
        assert connections_from(port, own) == 0
        writer.transport.abort()


async def test_a_connection_may_rest_longer_than_a_head_may_take(
    origin: RawOrigin, tmp_path: Path
) -> None:
    origin.answers(response(b"film", FRESH))
    settings = proxy_settings(tmp_path, origin.url, limits=LimitSettings(head_seconds=1))
    async with edge(settings):
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.listen.port)
        writer.write(b"POST /v/a HTTP/1.1\r\nHost: cdn.test\r\nContent-Length: 2\r\n\r\nhi")
        await reader.readuntil(b"film")
        await asyncio.sleep(3.5)
        writer.write(b"GET /v/a HTTP/1.1\r\nHost: cdn.test\r\n\r\n")
        async with asyncio.timeout(30):
            assert (await reader.readuntil(b"film")).startswith(b"HTTP/1.1 200 OK")
        writer.close()

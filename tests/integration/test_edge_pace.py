"""Who takes an answer, or sends content, too slowly is let go; who only waits is not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.settings import ByteSize
from edge.limit_settings import LimitSettings
from tests.integration.edge_service import edge, until
from tests.integration.proxy_service import (
    Asked,
    Got,
    RawOrigin,
    Viewer,
    parse,
    proxy_settings,
    response,
)
from tests.integration.test_edge_workers import EdgeProcess
from tests.servers.processes import free_ports

FRESH = ("Cache-Control", "max-age=3600")
LARGE = 30_000_000
ESTABLISHED = "01"
LIMITS = LimitSettings(
    send_bytes_per_second=100_000,
    send_seconds=1,
    content_bytes_per_second=1000,
    content_seconds=1,
)


@contextlib.asynccontextmanager
async def edge_before(url: str, folder: Path) -> AsyncIterator[int]:
    """An edge with low patience, and where it answers."""
    sizes = {"memory": ByteSize(1 << 30), "disk": ByteSize(1 << 30)}
    settings = proxy_settings(folder, url, limits=LIMITS, drain_seconds=0.5, **sizes)
    async with edge(settings):
        yield settings.listen.port


def chunked(body: bytes) -> bytes:
    head = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"


def is_held(port: int, own: int) -> bool:
    """Whether the server on ``port`` keeps its connection with the viewer's port ``own``."""
    rows = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(
        local.endswith(f":{port:04X}") and remote.endswith(f":{own:04X}") and state == ESTABLISHED
        for local, remote, state in rows
    )


# Answers.


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(response(bytes(LARGE), FRESH), id="express"),
        pytest.param(response(bytes(LARGE), ("Cache-Control", "no-store")), id="handler"),
        pytest.param(chunked(bytes(LARGE)), id="chunked"),
    ],
)
async def test_who_takes_nothing_of_an_answer_is_let_go_in_either_lane(
    origin: RawOrigin, tmp_path: Path, answer: bytes
) -> None:
    origin.answers(answer)
    async with edge_before(origin.url, tmp_path) as port:
        for _ in range(3):
            await Viewer(port).get("/film")
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        try:
            own = writer.get_extra_info("sockname")[1]
            writer.write(b"GET /film HTTP/1.1\r\nHost: cdn.test\r\n\r\n")
            await asyncio.sleep(0.5)
            assert is_held(port, own)
            await until(lambda: not is_held(port, own))
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)


@pytest.mark.parametrize("field", [FRESH, ("Cache-Control", "no-store")])
async def test_who_waits_for_a_slow_origin_is_not_slow(
    origin: RawOrigin, tmp_path: Path, field: tuple[str, str]
) -> None:
    async def slow(_: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2.5)
        answer = response(b"film", field)
        for byte in answer[:-4], *(answer[at : at + 1] for at in range(-4, -1)):
            writer.write(byte)
            await asyncio.sleep(1)
        writer.write(answer[-1:])

    origin.answers(slow)
    async with edge_before(origin.url, tmp_path) as port:
        first = asyncio.create_task(Viewer(port).get("/film"))
        await asyncio.sleep(0.2)
        # As plain as those who wait on the express lane.
        plain = b"GET /film HTTP/1.1\r\nHost: cdn.test\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(plain)
        async with asyncio.timeout(20):
            assert (await reader.readuntil(b"film")).startswith(b"HTTP/1.1 200 ")
        writer.close()
        assert (await first).body == b"film"


# Content.


async def sent_slowly(port: int, head: str, pieces: list[bytes], pause: float = 0.1) -> Got:
    """The answer to a request whose content comes bit by bit."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST /up HTTP/1.1\r\nHost: cdn.test\r\n{head}\r\n\r\n".encode())

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                return parse(await reader.read())
            return parse(b"")
    finally:
        sending.cancel()
        writer.close()


@pytest.mark.parametrize(
    ("head", "piece"),
    [("Content-Length: 5000", b"x"), ("Transfer-Encoding: chunked", b"1\r\nx\r\n")],
)
async def test_content_that_comes_too_slowly_is_answered_with_408(
    origin: RawOrigin, tmp_path: Path, head: str, piece: bytes
) -> None:
    async with edge_before(origin.url, tmp_path) as port:
        got = await sent_slowly(port, head, [piece] * 200)

    assert (got.status, got.get("connection")) == (408, "close")
    assert "too slowly" in got.body.decode()
    assert origin.asked == []


async def test_content_that_stops_coming_is_answered_with_408(
    origin: RawOrigin, tmp_path: Path
) -> None:
    async with edge_before(origin.url, tmp_path) as port:
        got = await sent_slowly(port, "Content-Length: 5000", [b"x" * 4999])

    assert (got.status, got.get("connection")) == (408, "close")


async def test_content_that_is_quick_enough_takes_as_long_as_it_takes(
    origin: RawOrigin, tmp_path: Path
) -> None:
    async with edge_before(origin.url, tmp_path) as port:
        head = "Content-Length: 10000\r\nConnection: close"
        got = await sent_slowly(port, head, [b"x" * 250] * 40)

    assert (got.status, got.body) == (200, b"hello")
    assert len(origin.asked[0].body) == 10_000


async def test_whoever_sends_to_a_slow_origin_is_not_slow(tmp_path: Path) -> None:
    (port,) = free_ports(1)

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(3)
        await reader.readexactly(LARGE)
        await asyncio.sleep(3)
        writer.write(response(b"taken"))
        writer.close()

    server = await asyncio.start_server(slow, "127.0.0.1", port)
    async with server, edge_before(f"http://127.0.0.1:{port}", tmp_path) as edge_port:
        got = await Viewer(edge_port).request("POST", "/up", body=bytes(LARGE))

    assert (got.status, got.body) == (200, b"taken")


async def test_content_is_waited_for_as_long_whichever_worker_it_comes_to(
    origin: RawOrigin, tmp_path: Path
) -> None:
    limits = {"content_bytes_per_second": 1000, "content_seconds": 1}
    changes = {"workers": 2, "limits": limits, "drain_seconds": 0.5}
    async with EdgeProcess(tmp_path, origin.url, **changes).running() as running:
        port = running.viewer.port
        got = await asyncio.gather(
            *(sent_slowly(port, "Content-Length: 5000", [b"x"] * 200) for _ in range(12))
        )

    assert {one.status for one in got} == {408}

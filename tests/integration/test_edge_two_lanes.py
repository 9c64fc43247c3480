"""What a viewer gets does not depend on the lane that its request takes.

The same bytes go to an edge whose express lane is open, and to one that has none; what comes back
is compared byte by byte, but for whole seconds that pass meanwhile.
"""

import asyncio
import contextlib
import itertools
import os
import random
import re
import select
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from edge.serve.connection import ViewerConnection
from edge.serve.express import Express
from edge.serve.protocol import ViewerHandler, ViewerServer
from tests.integration.edge_service import edge as edge_running
from tests.integration.proxy_service import Asked, RawOrigin, proxy_settings, response

LARGE = bytes(range(256)) * 1200
"""More than is sent together with its head."""
FRESH = ("Cache-Control", "max-age=3600")
TAG = ("ETag", '"one"')
MODIFIED = ("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
OBJECTS = {
    "/small": response(b"small" * 400, FRESH, TAG, MODIFIED, ("Content-Type", "video/mp4")),
    "/large": response(LARGE, FRESH, TAG, MODIFIED),
    "/empty": response(b"", FRESH, TAG),
    "/bare": response(b"without validators", FRESH),
    "/gone": response(b"nothing", FRESH, status="404 Not Found"),
    "/varied": response(b"varied", FRESH, ("Vary", "Accept-Encoding")),
    "/checked": response(b"checked", ("Cache-Control", "no-cache"), TAG),
}


async def objects(asked: Asked, writer: asyncio.StreamWriter) -> None:
    found = OBJECTS.get(asked.target.partition("?")[0])
    if asked.get("if-none-match") == '"one"' and asked.target == "/checked":
        writer.write(response(b"", TAG, status="304 Not Modified"))
        return
    found = found or response(b"none", status="404 Not Found")
    writer.write(found.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if asked.method == "HEAD" else found)


@asynccontextmanager
async def lanes(folder: Path, origin: RawOrigin, **changes: Any) -> AsyncIterator[tuple[int, int]]:
    """The ports of an edge with an express lane and of one without."""
    origin.script = objects
    with_lane = proxy_settings(folder / "with", origin.url, **changes)
    without = proxy_settings(folder / "without", origin.url, **changes)

    made = ViewerServer.__init__

    def without_lane(self: ViewerServer, *arguments: Any, **named: Any) -> None:
        made(self, *arguments, **{**named, "express": None})

    async with edge_running(with_lane):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ViewerServer, "__init__", without_lane)
            stack = contextlib.AsyncExitStack()
            await stack.enter_async_context(edge_running(without))
        async with stack:
            ports = (with_lane.listen.port, without.listen.port)
            for port in ports:
                for _ in range(3):
                    for target in (*OBJECTS, "/small?a=1"):
                        await told(port, [request(target)])
            yield ports


def request(target: str = "/small", *fields: str, method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: cdn.test", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


LAST = request("/small", "Connection: close")


async def told(
    port: int, pieces: list[bytes], *, fwd: bool = False, last: bytes | None = LAST
) -> bytes:
    """All that comes back for ``pieces``, until nothing more does.

    Args:
        port: the edge's.
        pieces: what is sent.
        fwd: whether to tell what Cache-Status says after ``fwd``.
        last: what ends the connection; None when ``pieces`` do.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        if last is not None:
            writer.write(last)
        async with asyncio.timeout(5):
            while data := await reader.read(1 << 20):
                got += data
    except (TimeoutError, ConnectionError):
        got += b"<held>"
    finally:
        writer.close()
    if not fwd:
        # Whether an answer that was fetched anew is stored yet is a matter of moments.
        got = re.sub(rb"; fwd=[^\r]*", b"; fwd", got)
    return re.sub(rb"(\r\nAge: |; ttl=|\r\nDate: )[^\r]*", rb"\1N", got)


TARGETS = st.sampled_from(
    [
        *OBJECTS,
        "/small?CMCD=bl%3D100",
        "/small?token=x",
        "/large?CMCD=br%3D1",
        "/small?CMCD",
        "/small?CMCD=",
        "/small?CMCD=a=b?c;d",
        "/small?CMCD=x#y",
        "/small?CMCD=x&a=1",
        "/small?a=1&CMCD=x",
        "/small?cmcd=x",
        "/small?",
        "/small??CMCD=x",
        "/small?token=hunter2&CMCD=x",
        "/small?a=1",
        "/none",
    ]
)
LINES = st.sampled_from(
    [
        "Range: bytes=0-0",
        "Range: bytes=5-99",
        "range: bytes=100-",
        "Range: bytes=-7",
        "Range: bytes=0-5,10-20",
        "Range: bytes=999999999-",
        "Range: bytes=9-3",
        "Range: bytes=00000-000000009",
        "Range: lines=1-2",
        "Range:bytes=1-2",
        'If-None-Match: "one"',
        'If-None-Match: W/"one", "two"',
        "If-None-Match: *",
        'If-None-Match: "two"',
        "If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT",
        "If-Modified-Since: Sun, 31 Dec 2023 23:59:59 GMT",
        "If-Modified-Since: yesterday",
        'If-Range: "one"',
        'If-Range: "two"',
        "If-Range: Mon, 01 Jan 2024 00:00:00 GMT",
        'If-Match: "two"',
        "Cache-Control: only-if-cached",
        "Connection: keep-alive",
        "Connection: Keep-Alive, x-odd",
        "Accept: */*",
        "Accept-Encoding: gzip",
        "User-Agent: player/1 (test)",
        "User-Agent:  spaced  out \t",
        "CMCD-Request: bl=100,su",
        'cmcd-session: sid="x"',
        "Cookie: a=b; c=d",
        "X-Odd: yes",
        "Max-Forwards: 0",
        "Via: 1.1 nearcast-edge",
        "Empty:",
    ]
)
METHODS = st.sampled_from(["GET", "GET", "HEAD"])
MALFORMED = (
    "User-Agent: a\r\nUser-Agent: b",
    "Bad Name: x",
    "No colon",
    "Host: other.test",
    " folded",
    "Nul: \x00",
    "Host : x",
    "Content-Length: 5, 6",
)


def _lines(most: int) -> st.SearchStrategy[list[str]]:
    """At most so many, but those that are malformed when they come twice."""
    return st.lists(LINES, max_size=most).filter(
        lambda lines: sum(line.startswith(("User-Agent", "Max-Forwards")) for line in lines) < 2
    )


REQUESTS = st.builds(
    lambda target, fields, method: request(target, *fields, method=method),
    TARGETS,
    _lines(4),
    METHODS,
)
CLOSING = st.builds(
    lambda closes, target, fields, method: request(target, closes, *fields, method=method),
    st.sampled_from(["Connection: close", "connection: Close", "Connection: close, x-odd"]),
    TARGETS,
    _lines(2).filter(lambda lines: not any(line.startswith("Connection") for line in lines)),
    METHODS,
)
"""The last request of a connection."""
CUTS = st.lists(st.integers(0, 400), max_size=4)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[start:stop] for start, stop in itertools.pairwise(bounds)]


async def test_both_lanes_give_the_same_bytes_for_any_requests(
    origin: RawOrigin, tmp_path: Path
) -> None:
    taken: list[bool] = []
    answer = Express.answer

    def counted(self: Express, *arguments: Any) -> bool:
        taken.append(answer(self, *arguments))
        return taken[-1]

    async with lanes(tmp_path, origin) as (express, plain):
        loop = asyncio.get_running_loop()

        async def compare(requests: list[bytes], last: bytes, places: list[int]) -> None:
            pieces = cut(b"".join(requests) + last, places)
            one, other = await asyncio.gather(
                told(express, pieces, last=None), told(plain, pieces, last=None)
            )
            assert one == other

        @hypothesis.settings(max_examples=300, suppress_health_check=list(hypothesis.HealthCheck))
        @hypothesis.given(st.lists(REQUESTS, max_size=4), CLOSING, CUTS)
        def check(requests: list[bytes], last: bytes, places: list[int]) -> None:
            asyncio.run_coroutine_threadsafe(compare(requests, last, places), loop).result(20)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Express, "answer", counted)
            await asyncio.to_thread(check)
    assert sum(taken) > 50, "the express lane took hardly any request"


@pytest.mark.parametrize("length", [100, 7000, 7980, 7990, 8000, 8010, 9000, 17_000])
async def test_both_lanes_take_a_query_of_the_same_length(
    origin: RawOrigin, tmp_path: Path, length: int
) -> None:
    target = "/small?CMCD=".ljust(length, "x")
    async with lanes(tmp_path, origin) as (express, plain):
        got = await told(express, [request(target)])
        assert got == await told(plain, [request(target)])
    assert got.startswith(b"HTTP/1.1 200") == (length <= 8000)


@pytest.mark.parametrize("line", [*MALFORMED, "Latin: \xe9", "Expect: x"])
async def test_what_is_not_plain_gets_the_answer_of_the_other_lane(
    origin: RawOrigin, tmp_path: Path, line: str
) -> None:
    async with lanes(tmp_path, origin) as (express, plain):
        asked = [request("/small", line)]
        assert await told(express, asked) == await told(plain, asked)


@pytest.mark.parametrize("place", range(1, 60, 7))
async def test_a_plain_request_in_two_parts_is_answered_as_a_whole_one(
    origin: RawOrigin, tmp_path: Path, place: int
) -> None:
    async with lanes(tmp_path, origin) as (express, plain):
        whole = await told(plain, [request("/small", "Accept: */*")])
        assert await told(express, cut(request("/small", "Accept: */*"), [place])) == whole


@pytest.mark.parametrize("fields", [(), ("Range: bytes=1-",), ("Range: bytes=1000000-5399999",)])
async def test_a_film_is_the_same_in_both_lanes_though_one_sends_the_pages_themselves(
    origin: RawOrigin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fields: tuple[str, ...],
) -> None:
    film = response(random.Random(1).randbytes(5_500_000), FRESH, TAG)
    monkeypatch.setitem(OBJECTS, "/film", film)
    sent = 0
    sendfile = os.sendfile

    def counting(*arguments: Any) -> int:
        nonlocal sent
        some = sendfile(*arguments)
        sent += some
        return some

    async with lanes(tmp_path, origin, memory=64 * 1024 * 1024) as (express, plain):
        monkeypatch.setattr("edge.serve.delivery.os.sendfile", counting)
        film_request = request("/film", *fields)
        got = await told(express, [film_request, request("/small"), film_request])
        assert got == await told(plain, [film_request, request("/small"), film_request])
    assert sent >= 2 * 4_400_000


async def test_answers_keep_their_order_whichever_lanes_they_take(
    origin: RawOrigin, tmp_path: Path
) -> None:
    batch = [
        request("/small"),
        request("/large"),
        request("/missing-yet"),
        request("/small", method="HEAD"),
        request("/large", "Range: bytes=70000-299999"),
        request("/checked"),
        request("/small"),
    ]
    async with lanes(tmp_path, origin) as (express, plain):
        await told(plain, [request("/missing-yet")])
        await told(express, [request("/missing-yet")])
        assert await told(express, [b"".join(batch)]) == await told(plain, [b"".join(batch)])


async def test_a_viewer_who_asks_without_reading_gets_everything_in_the_end(
    origin: RawOrigin, tmp_path: Path
) -> None:
    async with lanes(tmp_path, origin) as (express, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", express)
        count = 3000
        writer.write(request("/small") * count)
        await asyncio.sleep(0.5)
        got = 0
        async with asyncio.timeout(30):
            while got < count:
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 OK")
                assert await reader.readexactly(2000) == b"small" * 400
                got += 1
        writer.close()


async def test_a_viewer_who_has_said_all_still_gets_a_large_answer(
    origin: RawOrigin, tmp_path: Path
) -> None:
    async with lanes(tmp_path, origin) as (express, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", express)
        writer.write(request("/large"))
        writer.write_eof()
        async with asyncio.timeout(30):
            got = await reader.read(-1)
        writer.close()
        assert got.endswith(LARGE)


def hurried(port: int, viewers: int, rounds: int) -> None:
    """So many viewers at a time, of whom each asks again as soon as it has its answer."""
    connections = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(viewers)]
    poll = select.epoll()
    by_number = {one.fileno(): one for one in connections}
    left = dict.fromkeys(by_number, rounds)
    for one in connections:
        poll.register(one, select.EPOLLIN)
        # Not plain: the handler has it.
        one.sendall(request("/small", "X-Odd: yes"))
    stop = time.monotonic() + 30
    while left and time.monotonic() < stop:
        for number, _ in poll.poll(1):
            assert by_number[number].recv(1 << 16), "the edge has closed a connection"
            left[number] -= 1
            if left[number] == 0:
                del left[number]
            else:
                by_number[number].sendall(request("/small"))
    for one in connections:
        one.close()
    assert not left, "some got no answer"


async def test_viewers_who_ask_at_once_again_return_to_the_express_lane(
    origin: RawOrigin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled = 0
    answer = ViewerHandler._handle_request

    async def counting(self: ViewerHandler, *arguments: Any) -> Any:
        nonlocal handled
        handled += 1
        return await answer(self, *arguments)

    async with lanes(tmp_path, origin) as (express, _):
        monkeypatch.setattr(ViewerHandler, "_handle_request", counting)
        # In a process of its own, as one here would wait for the edge.
        told = f"from {__name__} import hurried; hurried({express}, 300, 30)"
        viewers = await asyncio.create_subprocess_exec(
            sys.executable, "-c", told, cwd=Path(__file__).parents[2]
        )
        assert await viewers.wait() == 0

    assert 300 <= handled < 600


async def test_a_viewer_who_asks_without_reading_does_not_fill_the_memory(
    origin: RawOrigin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0
    write = ViewerConnection.write

    def counting(self: ViewerConnection, data: bytes) -> None:
        nonlocal written
        written += len(data)
        write(self, data)

    monkeypatch.setattr(ViewerConnection, "write", counting)
    async with lanes(tmp_path, origin) as (express, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", express, limit=1024)
        written = 0
        # The handler has the first, and stays for a while.
        writer.write(request("/small", "X-Odd: yes"))
        await reader.readexactly(2000)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                for _ in range(4000):
                    writer.write(request("/small") * 10)
                    await writer.drain()
        await asyncio.sleep(0.5)
        writer.transport.abort()
    assert 0 < written < 16 * 1024 * 1024, "of 80 MB that were asked for"

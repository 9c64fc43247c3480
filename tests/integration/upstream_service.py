"""Raw servers for tests of the way upstream, and what asks them."""

import asyncio
import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from edge.fetch.connection import Timeouts
from edge.fetch.origins import ANYTHING, Origins, Wanted
from edge.fetch.pool import Pool
from edge.fetch.wire import Endpoint, Head, UpstreamRequest
from tests.servers.processes import free_ports

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
NOTHING = b""
"""Hangs up in place of an answer."""
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
HURRIED = Timeouts(connect=5, first_byte=0.3, stall=0.3)
MIB = 1024 * 1024


class Caller:
    """A connection as the scripted server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def head(self) -> bytes:
        """The head of the next request."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def say(self, data: bytes) -> None:
        """Sends ``data``."""
        self._writer.write(data)
        await self._writer.drain()


Script = Callable[[Caller], Awaitable[None]]


@dataclasses.dataclass
class Server:
    """Follows one script per connection, the last one for all further connections."""

    scripts: tuple[Script, ...]
    endpoint: Endpoint = dataclasses.field(default_factory=lambda: Endpoint("http", "-", 0))
    connections: int = 0
    hung_up: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    """Set when a script is through and its connection closed."""
    _tasks: set[asyncio.Task[None]] = dataclasses.field(default_factory=set)

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        self._tasks.add(asyncio.create_task(self._follow(script, reader, writer)))

    async def _follow(
        self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # A caller may hang up at any moment.
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await script(Caller(reader, writer))
        self.hung_up.set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        assert [each for each in results if isinstance(each, Exception)] == []


@contextlib.asynccontextmanager
async def serving(
    *scripts: Script, tls: ssl.SSLContext | None = None, socket: Path | None = None
) -> AsyncIterator[Server]:
    server = Server(scripts)
    if socket is not None:
        listening = await asyncio.start_unix_server(server.take, socket)
        server.endpoint = Endpoint("http", "sibling", 80, unix_socket=socket)
    else:
        (port,) = free_ports(1)
        listening = await asyncio.start_server(server.take, "127.0.0.1", port, ssl=tls)
        server.endpoint = Endpoint("http" if tls is None else "https", "127.0.0.1", port)
    async with listening:
        try:
            yield server
        finally:
            await server.stop()


def answers(*responses: bytes) -> Script:
    """Answers one request with each of ``responses``, then hangs up."""

    async def script(caller: Caller) -> None:
        for response in responses:
            await caller.head()
            await caller.say(response)

    return script


def answers_and_stays(*responses: bytes) -> Script:
    """Answers one request with each of ``responses``, then waits for the caller to hang up."""

    async def script(caller: Caller) -> None:
        await answers(*responses)(caller)
        await caller.reader.read()

    return script


def hears(heard: list[bytes], response: bytes = OK) -> Script:
    """Answers every request with ``response``, and keeps their heads in ``heard``."""

    async def script(caller: Caller) -> None:
        while True:
            heard.append(await caller.head())
            await caller.say(response)

    return script


def asking(method: str = "GET", target: str = "/a", **changes: object) -> UpstreamRequest:
    request = UpstreamRequest(method, target, (("Host", "origin.test"),))
    return dataclasses.replace(request, **changes)  # type: ignore[arg-type]


async def content(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(64 * 1024)
        await asyncio.sleep(0)


async def fetched(
    pool: Pool, endpoint: Endpoint, request: UpstreamRequest | None = None
) -> tuple[Head, bytes]:
    """The whole response of ``endpoint``."""
    async with pool.request(endpoint, request or asking()) as exchange:
        return exchange.head, b"".join([piece async for piece in exchange.pieces()])


async def content_from(
    origins: Origins, request: UpstreamRequest | None = None, wanted: Wanted = ANYTHING
) -> bytes:
    """The content of the response of one of ``origins``."""
    async with origins.request(request or asking(), wanted=wanted) as exchange:
        return b"".join([piece async for piece in exchange.pieces()])


async def response_of(
    script: Script,
    *,
    request: UpstreamRequest | None = None,
    timeouts: Timeouts | None = None,
) -> tuple[Head, bytes]:
    """What the way upstream makes of a server that follows ``script``."""
    pool = Pool(context=None, timeouts=timeouts)
    async with serving(script) as server:
        try:
            return await fetched(pool, server.endpoint, request=request)
        finally:
            await pool.close()


def nobody() -> Endpoint:
    """Where nobody listens."""
    return Endpoint("http", "127.0.0.1", free_ports(1)[0])

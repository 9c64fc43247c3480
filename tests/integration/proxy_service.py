"""An edge as a caching proxy, and before it an origin that answers byte by byte as told."""

import asyncio
import contextlib
import email.utils
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.service import ListenSettings
from common.settings import ByteSize
from edge.settings import OriginSettings, Settings
from tests.integration.edge_service import edge
from tests.servers.processes import free_ports

Pairs = tuple[tuple[str, str], ...]


@dataclass
class Asked:
    """A request as the origin got it."""

    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes = b""

    def get(self, name: str) -> str | None:
        """The combined value of a field; None when it is absent."""
        found = [value for key, value in self.fields if key.lower() == name.lower()]
        return ", ".join(found) if found else None


Script = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]
"""Writes an answer; whoever wants the connection closed closes the writer."""


@dataclass
class RawOrigin:
    """Answers what its script writes; notes what it is asked."""

    script: Script
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self, *responses: bytes | Script) -> None:
        """Answers requests with ``responses`` in their order, and the last one for ever."""
        waiting = list(responses)

        async def script(asked: Asked, writer: asyncio.StreamWriter) -> None:
            response = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(response, bytes):
                writer.write(response)
            else:
                await response(asked, writer)

        self.script = script

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                asked = await _read(reader)
                if asked is None:
                    break
                self.asked.append(asked)
                await self.script(asked, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    fields = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    asked = Asked(method, target, fields)
    if asked.get("content-length"):
        asked.body = await reader.readexactly(int(asked.get("content-length") or 0))
    elif asked.get("transfer-encoding") == "chunked":
        while size := int((await reader.readline()).split(b";")[0], 16):
            asked.body += await reader.readexactly(size)
            await reader.readline()
        while (await reader.readline()).strip():
            pass
    return asked


def response(body: bytes = b"hello", *fields: tuple[str, str], status: str = "200 OK") -> bytes:
    """A response with a length; Date is now unless ``fields`` tell another."""
    told = {name.lower() for name, _ in fields}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields)]
    if "date" not in told:
        lines.append(f"Date: {http_date(0)}")
    if not {"content-length", "transfer-encoding"} & told and not status.startswith(("204", "304")):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def http_date(offset: float) -> str:
    """The time ``offset`` seconds from now."""
    return email.utils.formatdate(time.time() + offset, usegmt=True)


@dataclass
class Got:
    """A response as a viewer got it."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes
    interim: list[tuple[int, list[tuple[str, str]]]] = field(default_factory=list)
    whole: bool = True
    """Whether the content came to its proper end."""

    def get(self, name: str) -> str | None:
        """The combined value of a field; None when it is absent."""
        found = [value for key, value in self.fields if key.lower() == name.lower()]
        return ", ".join(found) if found else None

    @property
    def cache(self) -> str:
        """What this edge says in Cache-Status, its name left out."""
        member = (self.get("cache-status") or "").rpartition(", ")[2]
        return member.partition("; ")[2]


class Viewer:
    """Asks the edge; each request has a connection of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def get(self, target: str = "/", *fields: tuple[str, str], method: str = "GET") -> Got:
        """The response to a request for ``target``."""
        return await self.request(method, target, *fields)

    async def request(
        self, method: str, target: str, *fields: tuple[str, str], body: bytes | None = None
    ) -> Got:
        """The response to any request."""
        told = {name.lower() for name, _ in fields}
        lines = [f"{method} {target} HTTP/1.1"]
        if "host" not in told:
            lines.append("Host: cdn.test")
        lines += [f"{name}: {value}" for name, value in fields]
        lines.append("Connection: close")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        raw = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")
        return parse(await self.raw(raw), method)

    async def raw(self, data: bytes, *, within: float = 20.0) -> bytes:
        """All bytes that come back for ``data``, until the edge closes the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            async with asyncio.timeout(within):
                with contextlib.suppress(ConnectionError):
                    return await reader.read()
                return b""
        finally:
            writer.close()


def parse(data: bytes, method: str = "GET") -> Got:
    """The response in ``data``, after which the connection ended."""
    interim: list[tuple[int, list[tuple[str, str]]]] = []
    while True:
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        _, _, status_and_reason = first.partition(" ")
        status, _, reason = status_and_reason.partition(" ")
        fields = [
            (name, value.strip()) for name, _, value in (line.partition(":") for line in lines)
        ]
        if not status.startswith("1"):
            break
        interim.append((int(status), fields))
        data = rest
    got = Got(int(status or 0), reason, fields, rest, interim)
    if method == "HEAD" or got.status in {204, 304}:
        return got
    if got.get("transfer-encoding") == "chunked":
        got.body, got.whole = _unchunk(rest)
    elif got.get("content-length") is not None:
        got.whole = len(rest) == int(got.get("content-length") or 0)
    return got


def _unchunk(data: bytes) -> tuple[bytes, bool]:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size or b"0", 16)
        if length == 0:
            return body, True
        body, data = body + data[:length], data[length + 2 :]
    return body, False


def proxy_settings(folder: Path, origin_url: str, **changes: Any) -> Settings:
    """The settings of an edge before any origin, with no control plane."""
    port, admin = free_ports(2)
    given: dict[str, Any] = {
        "edge_id": "e",
        # Where the tests' harness looks for it.
        "url": f"http://127.0.0.1:{port}",
        "cache_folder": folder,
        "listen": ListenSettings(port=port),
        "admin": ListenSettings(port=admin),
        "origin": OriginSettings(url=origin_url),
        "disk": ByteSize(100 * 1024 * 1024),
        "memory": ByteSize(16 * 1024 * 1024),
    }
    return Settings(**{**given, **changes})


@contextlib.asynccontextmanager
async def raw_origin() -> AsyncIterator[RawOrigin]:
    """An origin that answers ``hello``, fresh for an hour, until it is told otherwise."""
    (port,) = free_ports(1)
    origin = RawOrigin(script=_nothing, port=port)
    origin.answers(response(b"hello", ("Cache-Control", "max-age=3600")))
    server = await asyncio.start_server(origin.serve, "127.0.0.1", port)
    try:
        yield origin
    finally:
        server.close()


async def _nothing(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.close()


@contextlib.asynccontextmanager
async def proxy(folder: Path, origin: RawOrigin, **changes: Any) -> AsyncIterator[Viewer]:
    """A running edge before ``origin``."""
    settings = proxy_settings(folder, origin.url, **changes)
    async with edge(settings):
        yield Viewer(settings.listen.port)

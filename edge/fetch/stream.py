"""The bytes of a connection upstream, read as they come or waited for.

asyncio's streams copy what they read twice and need a task to be waited for. Here what has come is
handed on as it is, and whoever wants no more than to know that something came is called.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import cast

from edge.fetch.wire import Endpoint

MOST_HELD = 512 * 1024
"""Bytes that wait to be read until the other side is held up."""


class Stream(asyncio.Protocol):
    """A connection's two directions, each used by one at a time."""

    __slots__ = (
        "_ended",
        "_error",
        "_held",
        "_loop",
        "_paused",
        "_pieces",
        "_slow",
        "_transport",
        "_waiter",
        "_writable",
        "heard",
        "secure",
    )

    def __init__(self, *, secure: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._paused = self._slow = self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self.secure = secure
        self.heard: Callable[[], None] | None = None
        """Is called once, when anything comes or the other side ends."""

    @classmethod
    async def open(cls, endpoint: Endpoint, tls: ssl.SSLContext | None) -> "Stream":
        """A connection to ``endpoint``.

        Raises:
            OSError: it cannot be made.
        """
        loop = asyncio.get_running_loop()

        def make() -> Stream:
            return cls(secure=tls is not None)

        if endpoint.unix_socket is not None:
            _, stream = await loop.create_unix_connection(make, str(endpoint.unix_socket))
        else:
            _, stream = await loop.create_connection(
                make,
                endpoint.host,
                endpoint.port,
                ssl=tls,
                server_hostname=endpoint.host if tls is not None else None,
            )
        return stream

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        # uvloop's transports are none of asyncio's own classes.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Takes bytes."""
        self._pieces.append(data)
        self._held += len(data)
        if self._held > MOST_HELD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._tell()

    def eof_received(self) -> bool:
        """Learns that nothing more comes; what is being sent may still be."""
        self._ended = True
        self._tell()
        # Over TLS the end of one direction is the end of both.
        return not self.secure

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends."""
        self._transport = None
        self._ended, self._error = True, exc
        self._tell()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Learns that the other side is slow."""
        self._slow = True

    def resume_writing(self) -> None:
        """Learns that it has caught up."""
        self._slow = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        heard, self.heard = self.heard, None
        if heard is not None:
            heard()

    # Reading and writing.

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended it."""
        # Not by ``is_writable``: this is asked twice for every request.
        transport = self._transport
        return transport is not None and not self._ended and not transport.is_closing()

    @property
    def is_writable(self) -> bool:
        """Whether what is written may still arrive."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def held(self) -> int:
        """Bytes that wait to be read."""
        return self._held

    def peek(self) -> bytes:
        """What waits to be read, and stays."""
        if len(self._pieces) > 1:
            self._pieces = deque([b"".join(self._pieces)])
        return self._pieces[0] if self._pieces else b""

    def take(self, most: int) -> bytes:
        """At most ``most`` bytes of what waits to be read."""
        pieces = self._pieces
        if not pieces:
            return b""
        first = pieces.popleft()
        if len(first) > most:
            pieces.appendleft(first[most:])
            first = first[:most]
        elif pieces and len(first) + len(pieces[0]) <= most:
            parts, size = [first], len(first)
            while pieces and size + len(pieces[0]) <= most:
                size += len(pieces[0])
                parts.append(pieces.popleft())
            first = b"".join(parts)
        self._held -= len(first)
        if self._paused and self._held <= MOST_HELD // 2 and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return first

    async def read(self, most: int, within: float | None = None) -> bytes:
        """At most ``most`` bytes of what comes next; nothing at the end.

        Raises:
            TimeoutError: nothing comes for ``within`` seconds.
            OSError: the connection broke.
        """
        if not self._pieces and not self._ended:
            await self._wait(within)
        if not self._pieces and self._error is not None:
            raise self._error
        return self.take(most)

    async def _wait(self, within: float | None) -> None:
        waiter = self._waiter = self._loop.create_future()
        late = None if within is None else self._loop.call_later(within, _time_out, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if late is not None:
                late.cancel()

    def write(self, data: bytes) -> None:
        """Sends ``data``; does nothing when the connection has ended."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            try:
                transport.write(data)
            except RuntimeError:
                # So uvloop tells that the connection is broken; its end comes by itself.
                return

    async def drain(self) -> None:
        """Waits until most of what was written has left.

        Raises:
            OSError: the connection has ended.
        """
        while self._slow:
            self._writable = self._loop.create_future()
            await self._writable
        if not self.is_writable:
            raise ConnectionResetError("it hung up")

    def close(self) -> None:
        """Closes it, once what was written has left."""
        if self._transport is not None:
            self._transport.close()


def _time_out(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())

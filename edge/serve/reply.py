"""Writing a response as it is: no field is added, dropped or spelled anew on the way to a viewer.

aiohttp's own responses add a type, a date and a server, and know no interim responses. This writes
the head itself, and leaves flow control, chunks and the connection to aiohttp.
"""

import asyncio
from typing import TYPE_CHECKING, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_writer import StreamWriter

from common.http.fields import Pairs
from edge.limit_settings import LimitSettings
from edge.policy.heads import render_head
from edge.policy.limits import Pace

if TYPE_CHECKING:
    from edge.serve.protocol import ViewerHandler

COPIED = 64 * 1024
"""Bytes of content that are sent in one piece with the head."""


class Reply(web.StreamResponse):
    """A response under way."""

    def __init__(
        self, status: int, reason: str, fields: Pairs, *, length: int | None, bare: bool = False
    ) -> None:
        """Makes the head.

        Args:
            status: the status code.
            reason: the reason phrase.
            fields: what to send, framing and Content-Length aside.
            length: bytes of content, told as Content-Length; None when unknown.
            bare: whether no content follows (HEAD, 204, 304), whatever the length tells.
        """
        super().__init__(status=status, reason=reason)
        self._pairs = fields
        self._told = length
        self._bare = bare
        self._lost = False
        self._pace: Pace | None = None
        self.sent = 0
        """Bytes of content so far."""

    async def prepare(
        self, request: web.BaseRequest, first: bytes = b""
    ) -> AbstractStreamWriter | None:
        """Sends the head, and in one go the first content; does nothing the second time.

        Raises:
            ConnectionError: the viewer is gone.
        """
        if self._lost or self._eof_sent:
            return None
        if self._payload_writer is not None:
            return self._payload_writer
        transport = request.transport
        if transport is None:
            self._lost = True
            raise ConnectionResetError("the viewer is gone")
        self._req = request
        writer = self._payload_writer = request._payload_writer  # noqa: SLF001 - as aiohttp does
        head = self._head(request, writer)
        if self._told is None or not first:
            transport.write(head)
            if first:
                await self.send(first)
            return writer
        # Copying what is small is cheaper than another call of the system.
        if len(first) <= COPIED:
            transport.write(head + first)
        else:
            transport.writelines((head, first))
        self.sent += len(first)
        await self._wait_while_slow(writer)
        return writer

    def _head(self, request: web.BaseRequest, writer: AbstractStreamWriter) -> bytes:
        """The status line and the fields, those of this connection among them."""
        keep_alive = bool(request.keep_alive) and self._keep_alive is not False
        keep_alive = keep_alive and not getattr(request.protocol, "draining", False)
        fields = list(self._pairs)
        if self._told is not None:
            fields.append(("Content-Length", str(self._told)))
        elif not self._bare:
            if request.version >= (1, 1):
                fields.append(("Transfer-Encoding", "chunked"))
                writer.enable_chunking()
            else:
                keep_alive = False
        if not keep_alive:
            fields.append(("Connection", "close"))
        elif request.version < (1, 1):
            fields.append(("Connection", "keep-alive"))
        self._keep_alive = keep_alive
        return render_head(self.status, self.reason or "", tuple(fields))

    async def send(self, piece: bytes) -> None:
        """Sends content, and waits while the viewer is slow.

        Raises:
            TimeoutError: the viewer takes too little.
            ConnectionError: it is gone.
        """
        writer = self._payload_writer
        assert writer is not None
        if self._told is None:
            # In chunks, or up to the end of the connection: aiohttp frames it.
            assert isinstance(writer, StreamWriter)
            await writer.write(piece, drain=False)
        else:
            transport = self._req.transport if self._req is not None else None
            if transport is None or transport.is_closing():
                raise ConnectionResetError("the viewer is gone")
            transport.write(piece)
        await self._wait_while_slow(writer)
        self.sent += len(piece)

    async def _wait_while_slow(self, writer: AbstractStreamWriter) -> None:
        """Waits until the viewer has taken most of what was sent."""
        request = self._req
        if request is None or request.transport is None or not request.protocol.writing_paused:
            return
        if self._pace is None:
            limits = limits_of(request)
            self._pace = Pace(limits.send_bytes_per_second, limits.send_seconds)
        pace, transport, loop = self._pace, request.transport, asyncio.get_running_loop()
        draining = asyncio.ensure_future(writer.drain())
        try:
            while not draining.done():
                held, since = transport.get_write_buffer_size(), loop.time()
                await asyncio.wait({draining}, timeout=pace.left)
                taken = held - transport.get_write_buffer_size()
                if not pace.holds(taken, loop.time() - since):
                    raise TimeoutError
            await draining
        finally:
            draining.cancel()

    async def write_eof(self, data: bytes = b"") -> None:
        """Ends the content."""
        if self._eof_sent or self._lost or self._payload_writer is None:
            self._eof_sent = True
            return
        await self._payload_writer.write_eof(data)
        self._eof_sent = True

    def abandon(self) -> None:
        """Sends nothing: the viewer is gone."""
        self._lost = True
        self._eof_sent = True
        self._keep_alive = False

    def cut(self, request: web.BaseRequest) -> None:
        """Ends the connection, so that nobody takes what came for the whole."""
        self.abandon()
        if request.transport is not None:
            request.transport.abort()


def limits_of(request: web.BaseRequest) -> LimitSettings:
    """What the request's connection may cost."""
    return cast("ViewerHandler", request.protocol).limits


async def send_interim(request: web.BaseRequest, status: int, reason: str, fields: Pairs) -> None:
    """Passes on an interim response (RFC 9110 §15.2); HTTP/1.0 knows none."""
    if request.version < (1, 1) or request.transport is None:
        return
    request.transport.write(render_head(status, reason, fields))

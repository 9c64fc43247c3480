"""The viewers' connections: aiohttp's own handler, taught what a proxy needs besides.

aiohttp's fast parser knows a fixed list of methods. A connection that begins a request with another
one (RFC 9110 §9.1 lets anybody define some) gets aiohttp's slower parser, which takes any token.
"""

import asyncio
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.http_parser import HttpRequestParserPy
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

KNOWN = frozenset(
    {
        *(b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"PATCH"),
        *(b"COPY", b"LOCK", b"MKCOL", b"MOVE", b"PROPFIND", b"PROPPATCH", b"SEARCH", b"UNLOCK"),
        *(b"BIND", b"REBIND", b"UNBIND", b"ACL", b"REPORT", b"MKACTIVITY", b"CHECKOUT", b"MERGE"),
        *(b"M-SEARCH", b"NOTIFY", b"SUBSCRIBE", b"UNSUBSCRIBE", b"PURGE", b"MKCALENDAR", b"LINK"),
        *(b"UNLINK", b"SOURCE"),
    }
)
"""Methods that the fast parser takes."""
LONGEST_METHOD = 32
_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""Characters of a method; methods are case-sensitive, and those in lower case are not passed on."""

HEAD_LIMIT = 16 * 1024
"""Bytes of a request line, and of one field."""
KEEP_ALIVE = 75.0
"""Seconds that a connection may be idle, or take to send a request's head."""


class ViewerProtocol(RequestHandler):
    """One connection."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Takes bytes; chooses the parser when they begin a request."""
        idle = not self._messages and self._current_request is None
        if idle and isinstance(data, bytes) and _begins_with_another_method(data):
            self._use_other_parser()
        super().data_received(data)

    def _use_other_parser(self) -> None:
        if self._parser is None or isinstance(self._parser, HttpRequestParserPy):
            return
        self._parser = HttpRequestParserPy(
            self,
            asyncio.get_running_loop(),
            self._read_bufsize,
            max_line_size=self.max_line_size,
            max_field_size=self.max_field_size,
            max_headers=self.max_headers,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=self._max_msg_queue_size,
        )

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what the client sent
    ) -> web.StreamResponse:
        """The answer to what is no HTTP request: a problem document, then the connection ends."""
        title = "Malformed request" if status == 400 else "Internal error"
        problem = {"type": "about:blank", "title": title, "status": status}
        response = web.Response(
            status=status,
            body=msgspec.json.encode(problem),
            content_type="application/problem+json",
            headers={"Server": "nearcast", "Cache-Control": "no-store"},
        )
        if status >= 500:
            self.log_exception("request failed unexpectedly", exc_info=exc)
        response.force_close()
        return response


class ViewerServer(web.Server):
    """Makes the connections of one listener."""

    def __init__(self, handler: Any) -> None:
        """Answers every request with ``handler``."""
        self._options: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,
            "keepalive_timeout": KEEP_ALIVE,
            "max_line_size": HEAD_LIMIT,
            "max_field_size": HEAD_LIMIT,
        }
        super().__init__(handler, **self._options)

    def __call__(self) -> RequestHandler:
        """A new connection's protocol."""
        return ViewerProtocol(self, loop=self._loop, **self._options)


def _begins_with_another_method(data: bytes) -> bool:
    method, space, _ = data[: LONGEST_METHOD + 1].lstrip(b"\r\n").partition(b" ")
    return bool(space) and method not in KNOWN and bool(method) and _TOKEN.issuperset(method)

"""The viewers' server: its connections, and aiohttp's own handler for what is no plain hit.

aiohttp's fast parser knows a fixed list of methods. A connection that begins a request with another
one (RFC 9110 §9.1 lets anybody define some) gets aiohttp's slower parser, which takes any token.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_parser import HttpRequestParserPy
from aiohttp.web_protocol import RequestPayloadError

from common.clock import Clock
from common.service import Connection
from edge.fetch.begun import Begun
from edge.limit_settings import LimitSettings
from edge.policy.limits import ConnectionCounts
from edge.serve.access_log import AccessLog
from edge.serve.connection import ViewerConnection
from edge.serve.counters import Counters
from edge.serve.express import Express

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

FOR_EVER = 1e6
"""Seconds."""
DEFAULTS = LimitSettings()
LOOK_EVERY = 1.0
"""Seconds between looks for connections that keep the edge waiting."""
DRAIN_LOOK = 0.02
"""Seconds between looks whether what is under way has ended."""


class ViewerHandler(Connection):
    """What answers a connection's requests that are no plain hits."""

    __slots__ = ("_answered", "_begun", "_ends", "begun", "limits")

    def __init__(self, manager: "ViewerServer", **options: Any) -> None:
        """As aiohttp's."""
        super().__init__(manager, **options)
        self.limits = manager.limits
        """What the connection may cost."""
        self._begun = False
        """Whether the parser has the beginning of a request."""
        self._answered = 0
        """How many requests have their answers."""
        self._ends = False
        """Whether an answer was the last of its connection."""
        self.begun: Begun | None = None
        """What was begun upstream for the request that comes next."""

    async def _handle_request(
        self,
        request: web.BaseRequest,
        start_time: float | None,
        request_handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    ) -> tuple[web.StreamResponse, bool]:
        response, reset = await super()._handle_request(request, start_time, request_handler)
        self._ends = self._ends or reset or not response.keep_alive
        self._answered += 1
        return response, reset

    @property
    def is_idle(self) -> bool:
        """Whether all that came is answered.

        The task that reads messages learns that a turn of the event loop later. A viewer who is
        quicker must not be taken for one whose request is still under way, as it would be again
        with every request.
        """
        return self._answered == self._request_count and not self._ends and not self._buffer_paused

    @property
    def requests(self) -> int:
        """How many it has read."""
        return self._request_count

    @property
    def draining(self) -> bool:
        """Whether the next answer is to be the last of its connection."""
        return isinstance(self._manager, ViewerServer) and self._manager.draining

    def take_begun(self) -> Begun | None:
        """What was begun upstream for the request that has come; whoever gets it leaves it."""
        begun, self.begun = self.begun, None
        return begun

    def connection_lost(self, exc: BaseException | None) -> None:
        """Ends."""
        begun = self.take_begun()
        if begun is not None:
            begun.leave()
        super().connection_lost(exc)

    def detach(self) -> None:
        """Leaves the connection open, to somebody else."""
        self.transport = None
        self.connection_lost(None)

    def data_received(self, data: bytes) -> None:
        """Takes bytes; chooses the parser when they begin a request."""
        between = self.is_idle or self._request_count == 0
        begins = between and not self._begun and isinstance(data, bytes)
        if begins and _begins_with_another_method(data):
            self._use_other_parser()
        super().data_received(data)
        # In doubt it has: what follows must not be taken for a request of its own.
        self._begun = not data.endswith(b"\r\n\r\n")

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


class ViewerServer(web.Server):
    """Makes the connections of one listener."""

    def __init__(
        self,
        handler: Any,
        clock: Clock,
        *,
        express: Express | None = None,
        counters: Counters | None = None,
        log: AccessLog | None = None,
        secure: bool = False,
        limits: LimitSettings = DEFAULTS,
        connections: ConnectionCounts | None = None,
    ) -> None:
        """Answers every request with ``handler``, but for those that ``express`` answers.

        Args:
            handler: answers an aiohttp request.
            clock: the time.
            express: the express lane; without it, there is none.
            counters: are told of answers under way on the express lane.
            log: the access log, if there is one.
            secure: whether connections come over TLS.
            limits: what a connection may cost.
            connections: how many there may be; by default as many as ``limits`` say.
        """
        self._options: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,
            # Connections that are idle are looked after here, whichever lane they were in.
            "keepalive_timeout": FOR_EVER,
            "max_line_size": limits.line_bytes,
            "max_field_size": limits.line_bytes,
            "max_headers": limits.fields,
        }
        super().__init__(handler, **self._options)
        self.now = clock.now
        self.limits = limits
        self.secure = secure
        self.draining = False
        self.drain_idle = 0.0
        """Seconds that idle connections are left open for one more request when it drains."""
        self._express = express
        self._counters = counters
        self._log = log
        self._open: set[ViewerConnection] = set()
        self._counts = connections or ConnectionCounts(limits.connections, None)
        self._looking: asyncio.TimerHandle | None = None

    def __call__(self) -> ViewerConnection:  # type: ignore[override] # it has handlers of its own
        """A new connection's protocol."""
        return ViewerConnection(self, self._express)

    def new_handler(self) -> ViewerHandler:
        """A handler for a connection's requests."""
        return ViewerHandler(self, loop=self._loop, **self._options)

    def logged_of(self, transport: asyncio.Transport, client: str) -> str:
        """What the access log says of a connection."""
        if self._log is None:
            return ""
        tls = transport.get_extra_info("ssl_object")
        return self._log.lines.client(client, tls.version() if tls is not None else None)

    # Connections.

    def enter(self, connection: ViewerConnection) -> bool:
        """Takes a new connection in; whether it may stay."""
        if not self._counts.admits(connection.group):
            return False
        self._open.add(connection)
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_EVERY, self._look)
        return True

    def leave(self, connection: ViewerConnection) -> None:
        """Learns that a connection has ended."""
        if connection in self._open:
            self._open.remove(connection)
            self._counts.left(connection.group)

    def begin(self) -> None:
        """Learns that an answer of the express lane is under way."""
        if self._counters is not None:
            self._counters.active += 1

    def end(self) -> None:
        """Learns that it has ended."""
        if self._counters is not None:
            self._counters.active -= 1

    def _look(self) -> None:
        self._looking = None
        now = self.now()
        for connection in tuple(self._open):
            connection.look(now)
        if self._open:
            self._looking = self._loop.call_later(LOOK_EVERY, self._look)

    # Its end.

    def pre_shutdown(self) -> None:
        """Lets every connection's next answer be its last."""
        self.draining = True
        for connection in tuple(self._open):
            connection.drain()

    async def shutdown(self, timeout: float | None = None) -> None:
        """Waits at most ``timeout`` seconds for what is under way, then closes what is left."""
        start = self._loop.time()
        while self._open and (timeout is None or self._loop.time() - start < timeout):
            if self._loop.time() - start >= self.drain_idle:
                for connection in tuple(self._open):
                    if connection.is_idle:
                        connection.close()
            await asyncio.sleep(DRAIN_LOOK)
        for connection in tuple(self._open):
            connection.abort()
        if self._looking is not None:
            self._looking.cancel()
        await super().shutdown(0.1)


def _begins_with_another_method(data: bytes) -> bool:
    method, space, _ = data[: LONGEST_METHOD + 1].lstrip(b"\r\n").partition(b" ")
    return bool(space) and method not in KNOWN and bool(method) and _TOKEN.issuperset(method)

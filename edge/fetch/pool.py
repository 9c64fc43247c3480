"""Connections upstream that are kept for the next request."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from edge.fetch.connection import Connection, Interim, Timeouts
from edge.fetch.errors import UpstreamBroke, UpstreamSlow
from edge.fetch.wire import Endpoint, Head, UpstreamRequest
from edge.policy.plain_responses import PlainResponse
from edge.policy.standing import Source

PER_ENDPOINT = 128
"""Connections to one endpoint at the same time."""
IDLE_SECONDS = 30.0
"""Seconds that a connection is kept without a request."""
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""RFC 9110 §9.2.2."""


@dataclass(slots=True)
class _Shelf:
    """The connections to one endpoint."""

    free: int
    """How many more there may be in use."""
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    """Who wants one, while there may not be any more."""
    idle: deque[tuple[float, Connection]] = field(default_factory=deque)
    """With the time of their last use, the latest at the right."""

    async def acquire(self) -> None:
        """Waits until one more may be in use."""
        if self.free > 0:
            self.free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Says that one is in use no more."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1


@dataclass(slots=True)
class Sent:
    """A plain GET that was sent on a kept connection, which is in use until it is given back."""

    endpoint: Endpoint
    connection: Connection
    at: float
    """By the event loop's clock."""
    source: Source[Endpoint] | None = None
    """Whose response it is, for whoever keeps account of that."""


class Exchange:
    """A response on its way."""

    def __init__(self, head: Head, connection: Connection, target: str) -> None:
        self.head = head
        self._connection = connection
        self._target = target
        self.bytes_received = 0
        """Bytes of content so far."""
        self.source: Source[Endpoint] | None = None
        """Whose it is, for whoever keeps account of that."""

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The content, at most 256 KiB at once.

        Raises:
            UpstreamSlow: it stalls.
            UpstreamBroke: it is cut, or malformed.
        """
        async for piece in self._connection.pieces(self._target):
            self.bytes_received += len(piece)
            yield piece


class Pool:
    """Connections by endpoint."""

    def __init__(
        self,
        *,
        context: ssl.SSLContext | None,
        timeouts: Timeouts | None = None,
        per_endpoint: int = PER_ENDPOINT,
    ) -> None:
        """Connects with ``context`` to https endpoints."""
        self._context = context
        self._timeouts = timeouts or Timeouts()
        self._per_endpoint = per_endpoint
        self._shelves: dict[Endpoint, _Shelf] = {}
        self.requests = 0
        """Requests sent."""
        self.bytes_received = 0
        """Bytes of content."""

    @asynccontextmanager
    async def request(
        self,
        endpoint: Endpoint,
        request: UpstreamRequest,
        *,
        interim: Interim | None = None,
        sent: Sent | None = None,
    ) -> AsyncIterator[Exchange]:
        """Asks ``endpoint``; leaving the context early closes the connection.

        Args:
            endpoint: whom to ask.
            request: what.
            interim: is called with each interim response.
            sent: what ``send_now`` answered, when it has sent this request.

        Raises:
            UpstreamUnreachable: no connection to it.
            UpstreamSlow: it does not answer in time, or all connections are busy for that long.
            UpstreamBroke: it answers nonsense, or breaks off.
        """
        shelf = self._shelf(endpoint)
        if sent is None:
            try:
                async with asyncio.timeout(self._timeouts.first_byte):
                    await shelf.acquire()
            except TimeoutError as error:
                raise UpstreamSlow from error
        connection: Connection | None = None
        kept = False
        try:
            connection, head = await self._start(endpoint, shelf, request, interim, sent)
            exchange = Exchange(head, connection, request.target)
            try:
                yield exchange
            finally:
                self.bytes_received += exchange.bytes_received
            kept = await connection.finish()
        finally:
            if connection is not None and kept:
                shelf.idle.append((asyncio.get_running_loop().time(), connection))
            elif connection is not None:
                await connection.finish()
                connection.close()
            shelf.release()

    def _shelf(self, endpoint: Endpoint) -> _Shelf:
        shelf = self._shelves.get(endpoint)
        if shelf is None:
            shelf = self._shelves[endpoint] = _Shelf(self._per_endpoint)
        return shelf

    def send_now(self, endpoint: Endpoint, plain: bytes, heard: Callable[[], None]) -> Sent | None:
        """Sends a plain GET at once, as ``Connection.send_plain``; None where that has to wait.

        Then ``request`` goes on, or ``take`` takes the whole response, or ``give_up`` ends it.
        """
        shelf = self._shelf(endpoint)
        connection = self._idle(shelf) if shelf.free > 0 else None
        if connection is None:
            return None
        shelf.free -= 1
        self.requests += 1
        connection.send_plain(plain, heard)
        return Sent(endpoint, connection, asyncio.get_running_loop().time())

    def take(self, sent: Sent, found: PlainResponse) -> None:
        """Is done with the response that the connection has found whole."""
        sent.connection.take_whole(found)
        self.bytes_received += found.length
        shelf = self._shelf(sent.endpoint)
        if sent.connection.idle:
            shelf.idle.append((sent.at, sent.connection))
        else:
            sent.connection.close()
        shelf.release()

    def give_up(self, sent: Sent) -> None:
        """Closes the connection, whatever comes."""
        sent.connection.close()
        self._shelf(sent.endpoint).release()

    async def _start(
        self,
        endpoint: Endpoint,
        shelf: _Shelf,
        request: UpstreamRequest,
        interim: Interim | None,
        sent: Sent | None,
    ) -> tuple[Connection, Head]:
        connection = self._idle(shelf) if sent is None else sent.connection
        sent_at = None if sent is None else sent.at
        while True:
            fresh = connection is None
            if connection is None:
                connection = await Connection.open(endpoint, self._context, self._timeouts)
            self.requests += sent_at is None
            try:
                return connection, await connection.start(request, interim, sent_at)
            except BaseException as error:
                repeatable = request.body is None and request.method in IDEMPOTENT
                heard = connection.heard
                await connection.finish()
                connection.close()
                # A kept connection may have been closed by the other side at any moment.
                if fresh or heard or not repeatable or not isinstance(error, UpstreamBroke):
                    raise
                connection = sent_at = None

    def _idle(self, shelf: _Shelf) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS
        while shelf.idle and shelf.idle[0][0] < oldest:
            shelf.idle.popleft()[1].close()
        while shelf.idle:
            _, connection = shelf.idle.pop()
            if connection.idle:
                return connection
            connection.close()
        return None

    async def close(self) -> None:
        """Closes all connections that are kept."""
        for shelf in self._shelves.values():
            while shelf.idle:
                shelf.idle.pop()[1].close()
        # Streams close in the next turn of the loop.
        await asyncio.sleep(0)

"""One HTTP/1.1 connection upstream.

A proxy has to pass interim responses, odd methods and statuses, reason phrases and the case of
field names unchanged, and has to notice lengths that lie; h11 shows all of that. A plain GET whose
response is plain needs none of it, and costs a fraction without.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine
from dataclasses import dataclass

import h11

from common.http.fields import Pairs
from edge.fetch.errors import UpstreamBroke, UpstreamSlow, UpstreamUnreachable
from edge.fetch.stream import Stream
from edge.fetch.wire import Endpoint, Head, UpstreamRequest, outgoing, plain_request
from edge.policy.plain_responses import PlainResponse, read_plain_response

LONGEST_HEAD = 64 * 1024
"""Bytes of a response's head."""
MOST_FIELDS = 256
MOST_INTERIM = 32
"""Interim responses before the final one."""
PIECE = 256 * 1024
"""Bytes handed on at once, at most."""
CONTINUE_WITHIN = 1.0
"""Seconds that content waits for 100 Continue (RFC 9110 §10.1.1 forbids to wait for ever)."""

Interim = Callable[[int, str, Pairs], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds."""

    connect: float = 5.0
    first_byte: float = 15.0
    """Until the head of the response is there."""
    stall: float = 10.0
    """Between two arrivals of bytes."""


class Connection:
    """A connection, used by one request at a time."""

    def __init__(self, stream: Stream, timeouts: Timeouts) -> None:
        self._stream = stream
        self._timeouts = timeouts
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
        self._left: int | None = None
        """Bytes of a plain response's content that nobody has taken; None when it is not plain."""
        self._first = b""
        """Those of them that came with its head."""
        self._surplus = False
        """Whether more came than the response has."""
        self._sending: asyncio.Task[None] | None = None
        self._continue = asyncio.Event()
        self.heard = False
        """Whether anything came since the last request was sent."""
        self.used = False
        """Whether a request was answered on it before."""

    @classmethod
    async def open(
        cls, endpoint: Endpoint, context: ssl.SSLContext | None, timeouts: Timeouts
    ) -> "Connection":
        """A new connection to ``endpoint``.

        Raises:
            UpstreamUnreachable: it cannot be made.
        """
        tls = context if endpoint.scheme == "https" else None
        if tls is None and endpoint.scheme == "https":
            raise UpstreamUnreachable(reason="it is asked over TLS, which is not set up")
        try:
            async with asyncio.timeout(timeouts.connect):
                return cls(await Stream.open(endpoint, tls), timeouts)
        except TimeoutError as error:
            raise UpstreamUnreachable(reason="it does not take connections in time") from error
        except (OSError, ssl.SSLError) as error:
            raise UpstreamUnreachable(reason=str(error) or type(error).__name__) from error

    @property
    def idle(self) -> bool:
        """Whether it can take a request: nothing was heard that nobody asked for."""
        return self._stream.is_open and not self._stream.held

    def send_plain(self, plain: bytes, heard: Callable[[], None]) -> None:
        """Sends a plain GET; ``heard`` is called once, when anything of its response is there.

        Then ``whole`` takes the response, or ``start`` goes on.
        """
        self.heard = False
        self._stream.heard = heard
        self._stream.write(plain)

    def whole(self) -> PlainResponse | None:
        """The response to what ``send_plain`` sent, if all that is there is all of it."""
        found = read_plain_response(self._stream.peek())
        if found is None or found.end + found.length != self._stream.held:
            return None
        return found

    def seen(self, found: PlainResponse) -> bytes:
        """The content of the response that ``whole`` has found, which stays."""
        return self._stream.peek()[found.end :]

    def take_whole(self, found: PlainResponse) -> None:
        """Is done with the response that ``whole`` has found; another request may be sent."""
        self.used = True
        self._stream.take(found.end + found.length)

    async def start(
        self, request: UpstreamRequest, interim: Interim | None, sent_at: float | None = None
    ) -> Head:
        """Sends a request, and waits for the head of its response.

        Args:
            request: what to send.
            interim: is called with each interim response.
            sent_at: when ``send_plain`` has sent it, by the event loop's clock, if it has.

        Raises:
            UpstreamSlow: it does not come in time.
            UpstreamBroke: it is malformed, or the connection ends.
        """
        self.heard = False
        within = self._timeouts.first_byte
        if sent_at is not None:
            self._stream.heard = None
            within -= asyncio.get_running_loop().time() - sent_at
            return await self._read_plain(request, interim, within)
        plain = plain_request(request)
        if plain is not None:
            self._stream.write(plain)
            return await self._read_plain(request, interim, within)
        head = outgoing(request)
        expects = any(name.lower() == "expect" for name, _ in request.fields)
        try:
            self._stream.write(self._http.send(head) or b"")
            if request.body is None:
                self._stream.write(self._http.send(h11.EndOfMessage()) or b"")
            else:
                self._sending = asyncio.create_task(self._send_body(request.body, wait=expects))
            return await self._read_head(request, interim)
        except h11.RemoteProtocolError as error:
            raise UpstreamBroke(key=request.target, reason=str(error)) from error
        except h11.LocalProtocolError as error:
            raise UpstreamBroke(key=request.target, reason=f"cannot be asked: {error}") from error

    async def _read_plain(
        self, request: UpstreamRequest, interim: Interim | None, within: float
    ) -> Head:
        """The head of the response to ``request``, which was sent as a plain GET."""
        data = await self._read_in_time(request.target, PIECE, within)
        found = read_plain_response(data)
        if found is not None:
            stop = found.end + found.length
            self._left, self._first = found.length, data[found.end : stop]
            self._surplus = len(data) > stop
            return Head(found.status, found.reason, found.fields, "1.1")
        try:
            self._http.send(outgoing(request))
            self._http.send(h11.EndOfMessage())
            self._http.receive_data(data)
            return await self._read_head(request, interim)
        except h11.RemoteProtocolError as error:
            raise UpstreamBroke(key=request.target, reason=str(error)) from error

    async def _send_body(self, body: AsyncIterable[bytes], *, wait: bool) -> None:
        if wait:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CONTINUE_WITHIN):
                    await self._continue.wait()
        async for piece in body:
            if self._http.our_state is not h11.SEND_BODY or not self._stream.is_writable:
                return
            self._stream.write(self._http.send(h11.Data(data=piece)) or b"")
            try:
                async with asyncio.timeout(self._timeouts.stall):
                    await self._stream.drain()
            except TimeoutError as error:
                raise UpstreamSlow from error
            except OSError:
                # A server may answer and hang up before it has read everything: reading tells.
                return
        if self._http.our_state is h11.SEND_BODY:
            self._stream.write(self._http.send(h11.EndOfMessage()) or b"")

    async def _read_head(self, request: UpstreamRequest, interim: Interim | None) -> Head:
        for _ in range(MOST_INTERIM + 1):
            event = await self._in_time(self._next_event(request.target), self._timeouts.first_byte)
            if isinstance(event, h11.InformationalResponse):
                if event.status_code == 100:
                    self._continue.set()
                if interim is not None:
                    await interim(event.status_code, _text(event.reason), _pairs(event.headers))
                continue
            if not isinstance(event, h11.Response):
                raise UpstreamBroke(key=request.target, reason="it ends before its response")
            fields = _pairs(event.headers)
            _check_head(request.target, fields)
            return Head(event.status_code, _text(event.reason), fields, event.http_version.decode())
        raise UpstreamBroke(key=request.target, reason="it sends interim responses without end")

    async def _in_time(self, reading: Coroutine[None, None, h11.Event], within: float) -> h11.Event:
        """What ``reading`` gives; the time runs once all content is sent.

        While content is on its way nobody can say when an answer is due. It can fail meanwhile:
        then its error is raised as it is.
        """
        if self._sending is None:
            try:
                async with asyncio.timeout(within):
                    return await reading
            except TimeoutError as error:
                raise UpstreamSlow from error
        task = asyncio.create_task(reading)
        try:
            await asyncio.wait({task, self._sending}, return_when=asyncio.FIRST_COMPLETED)
            if self._sending.done():
                self._sending.result()
            try:
                async with asyncio.timeout(within):
                    return await task
            except TimeoutError as error:
                raise UpstreamSlow from error
        finally:
            task.cancel()

    def _parsed(self, target: str) -> h11.Event | None:
        """What the bytes that are here hold; None when they are too few."""
        event = self._http.next_event()
        if event is h11.PAUSED:
            raise UpstreamBroke(key=target, reason="it sends more than one response")
        if event is h11.NEED_DATA:
            return None
        assert not isinstance(event, type)
        return event

    async def _next_event(self, target: str) -> h11.Event:
        while (event := self._parsed(target)) is None:
            self._http.receive_data(await self._read(target))
        return event

    async def _read_in_time(self, target: str, most: int, within: float) -> bytes:
        try:
            return await self._read(target, most, within)
        except TimeoutError as error:
            raise UpstreamSlow from error

    async def _read(self, target: str, most: int = PIECE, within: float | None = None) -> bytes:
        """What comes next, ``within`` seconds; nothing at the connection's end."""
        try:
            data = await self._stream.read(most, within)
        except TimeoutError:
            raise
        except OSError as error:
            raise UpstreamBroke(key=target, reason=str(error) or "it hung up") from error
        self.heard = self.heard or bool(data)
        return data

    def pieces(self, target: str) -> AsyncGenerator[bytes, None]:
        """The content.

        Raises:
            UpstreamSlow: it stalls.
            UpstreamBroke: it is cut, or malformed.
        """
        return self._pieces(target) if self._left is None else self._plain_pieces(target)

    async def _plain_pieces(self, target: str) -> AsyncGenerator[bytes, None]:
        first, self._first = self._first, b""
        left = self._left or 0
        if first:
            left = self._left = left - len(first)
            yield first
        while left:
            data = await self._read_in_time(target, min(PIECE, left), self._timeouts.stall)
            if not data:
                raise UpstreamBroke(key=target, reason=f"it ends {left} bytes too early")
            left = self._left = left - len(data)
            yield data

    async def _pieces(self, target: str) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                event = self._parsed(target) or await self._in_time(
                    self._next_event(target), self._timeouts.stall
                )
                if isinstance(event, h11.Data):
                    yield bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    return
                else:
                    raise UpstreamBroke(key=target, reason="it breaks off")
        except h11.RemoteProtocolError as error:
            raise UpstreamBroke(key=target, reason=str(error)) from error

    async def finish(self) -> bool:
        """Ends the request; whether the connection can take another."""
        if self._left is not None:
            whole = self._left == 0 and not self._surplus
            self._left, self._first, self._surplus = None, b"", False
            self.used = True
            return whole and self.idle
        sending, self._sending = self._sending, None
        if sending is not None and not sending.done():
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        elif sending is not None and not sending.cancelled():
            sending.exception()
        if self._http.their_state is h11.SEND_BODY:
            # The end of no content is there without anybody having read it.
            with contextlib.suppress(h11.RemoteProtocolError):
                self._http.next_event()
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self._continue.clear()
        self.used = True
        return self.idle and not self._http.trailing_data[0]

    def close(self) -> None:
        """Closes it."""
        self._stream.close()


def _pairs(headers: h11._headers.Headers) -> Pairs:
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw_items()
    )


def _text(reason: bytes) -> str:
    return bytes(reason).decode("latin-1")


def _check_head(target: str, fields: Pairs) -> None:
    """Refuses a head that different readers may read differently (RFC 9112 §6.3)."""
    names = {name.lower() for name, _ in fields}
    if len(fields) > MOST_FIELDS:
        raise UpstreamBroke(key=target, reason="its head has too many fields")
    if sum(len(name) + len(value) for name, value in fields) > LONGEST_HEAD:
        # h11 minds the size only of what is not complete yet.
        raise UpstreamBroke(key=target, reason="its head is too long")
    if {"transfer-encoding", "content-length"} <= names:
        raise UpstreamBroke(key=target, reason="it tells two lengths")

"""A viewer's connection: each request goes down the express lane, or else to aiohttp's handler.

The handler is only there while it is needed, so that an idle connection costs little. It gets the
bytes as they came. While it works, or may be in the middle of a request, the stream is its own.
"""

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from edge.fetch.begun import Begun
from edge.policy.limits import client_group, plain_address
from edge.policy.recognising import ends_with_a_request, head_end, may_become_plain
from edge.serve.crowd import Attendance
from edge.serve.delivery import Delivery, duplicate_of, send_at_once
from edge.serve.express import Answered, Express
from edge.serve.ready import Ready
from edge.store import Resident

if TYPE_CHECKING:
    from edge.serve.protocol import ViewerHandler, ViewerServer

MOST_HELD = 64 * 1024
"""Bytes that wait behind an answer under way until the connection is read no further."""
BUFFERED = 256 * 1024
"""Bytes that a transport may hold back for a slow viewer."""


class ViewerConnection(asyncio.Protocol):
    """One connection."""

    __slots__ = (
        "_at_end",
        "_clean",
        "_delivery",
        "_express",
        "_free",
        "_handler",
        "_heads",
        "_held",
        "_now",
        "_server",
        "_slow",
        "_socket",
        "_transport",
        "_waiting",
        "client",
        "group",
        "head_since",
        "last",
        "logged",
        "rate_sent",
        "rate_since",
    )

    def __init__(self, server: "ViewerServer", express: Express | None) -> None:
        """Answers with ``express`` and the handlers of ``server``."""
        self._server = server
        self._express = express
        self._now = server.now
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        """A duplicate of the connection's, once one was needed."""
        self._handler: ViewerHandler | None = None
        self._clean = True
        """Whether what the handler was given ended where a request ends."""
        self._delivery: Delivery | Attendance | None = None
        self._held = b""
        """What came and is not given to anybody yet."""
        self._free = express is not None and not server.draining
        """Whether nothing is under way."""
        self._waiting = b""
        """The request that waits for what is on its way."""
        self._slow = False
        """Whether answers wait for the viewer to read."""
        self._at_end = False
        self._heads = 0
        """Requests that the handler has read."""
        self.client = ""
        self.group = ""
        """What counts as one client."""
        self.logged = ""
        self.last = 0.0
        """When anything came last."""
        self.head_since = 0.0
        """Since when a request's head is incomplete; 0 when none is."""
        self.rate_since = 0.0
        self.rate_sent = 0

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        # uvloop's transports are none of asyncio's own classes.
        transport = self._transport = cast(asyncio.Transport, transport)
        self.last = self._now()
        peer = transport.get_extra_info("peername")
        self.client = plain_address(str(peer[0])) if isinstance(peer, tuple) and peer else ""
        self.group = client_group(self.client)
        if not self._server.enter(self):
            transport.abort()
            return
        transport.set_write_buffer_limits(BUFFERED)
        self.logged = self._server.logged_of(transport, self.client)

    def data_received(self, data: bytes) -> None:
        """Takes bytes."""
        now = self.last = self._now()
        if self._free:
            assert self._express is not None
            if not self._express.answer(self, data, now):
                self._take(data)
            return
        handler = self._handler
        if handler is not None and not (self._clean and handler.is_idle):
            if self._clean:
                self._clean = ends_with_a_request(data)
            if not self._clean and handler.is_idle:
                self._count_heads(handler)
                self.head_since = self.head_since or now
            handler.data_received(data)
            return
        self._take(self._held + data if self._held else data)

    def eof_received(self) -> bool:
        """Learns that the viewer sends no more; what is under way is finished."""
        self._at_end = True
        if self.is_idle:
            return False
        if self._handler is not None:
            self._handler.close()
        # Over TLS the end of one direction is the end of both.
        return not self._server.secure

    def pause_writing(self) -> None:
        """Learns that the viewer is slow."""
        self._slow = True
        self._free = False
        if self._handler is not None:
            self._handler.pause_writing()
        if self._delivery is not None:
            self._delivery.pause()
        elif self.is_idle and self._transport is not None:
            # Whoever asks on and on without reading is not listened to.
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Learns that it has caught up."""
        self._slow = False
        if self._handler is not None:
            self._handler.resume_writing()
        if self._delivery is not None:
            self._delivery.resume()
        elif self.is_idle and self._transport is not None:
            self._transport.resume_reading()
            self._take(self._held)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Ends."""
        self._transport = None
        self._held = b""
        if self._delivery is not None:
            self._delivery.cut()
        if self._handler is not None:
            self._handler.connection_lost(exc)
            self._handler = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._server.leave(self)

    # Requests.

    def _take(self, data: bytes) -> None:
        """Gives each request in ``data`` to the lane it belongs in."""
        start = 0
        self._held = b""
        while start < len(data):
            if self._slow or self._delivery is not None:
                self._hold(data[start:])
                return
            if self._transport is None or self._transport.is_closing():
                return
            end = head_end(data, start)
            if end < 0:
                self._begin(data[start:])
                return
            self.head_since = 0.0
            if not self._answers(data[start:end]):
                self._hand_over(data[start:])
                return
            start = end
        self._settle()

    def _answers(self, request: bytes) -> bool:
        """Whether the express lane has answered ``request``."""
        if self._express is None or self._server.draining:
            return False
        return self._express.answer(self, request, self.last)

    def _begin(self, part: bytes) -> None:
        """Takes the first part of a head."""
        if self._express is None or not may_become_plain(part):
            self._hand_over(part)
            return
        self._held = part
        self._free = False
        self.head_since = self.head_since or self.last

    def _settle(self) -> None:
        """Finds out whether the next request may take the shortest way."""
        self._free = (
            self._express is not None
            and self._handler is None
            and self._delivery is None
            and not self._held
            and not self._slow
            and not self._server.draining
        )

    def _hold(self, data: bytes) -> None:
        """Keeps ``data`` until the answer under way has left."""
        self._held += data
        self._free = False
        if len(self._held) > MOST_HELD and self._transport is not None:
            self._transport.pause_reading()

    def _hand_over(self, data: bytes, begun: Begun | None = None) -> None:
        """Gives ``data`` to aiohttp's handler, and what was ``begun`` for its first request."""
        if self._transport is None:
            return
        self._free = False
        self._clean = self._express is not None and ends_with_a_request(data)
        if not self._clean:
            self.head_since = self.last
        if self._handler is None:
            self._handler, self._heads = self._server.new_handler(), 0
            self._handler.connection_made(self._transport)
        self._handler.begun = begun
        self._handler.data_received(data)
        if self._at_end:
            self._handler.close()

    def let_go_of_handler(self) -> None:
        """Does without the handler, if it has nothing to do."""
        if self._handler is not None and self._clean and self._handler.is_idle:
            self._handler.detach()
            self._handler = None
            self._settle()

    # What the express lane calls.

    def write(self, data: bytes) -> None:
        """Sends a small answer."""
        if self._transport is not None:
            self._transport.write(data)

    def send_now(self, ready: Ready, resident: Resident) -> int | None:
        """Sends what the socket takes at once of an answer with large content.

        Returns:
            How many bytes of the content it took; None when all has to go through the transport.
        """
        if self._transport is None:
            return None
        if self._socket is None and not self._server.secure:
            self._socket = duplicate_of(self._transport)
        return send_at_once(self._transport, self._socket, ready, resident)

    def deliver(self, resident: Resident, answered: Answered, sent: int | None) -> None:
        """Sends the rest of such an answer, after what ``send_now`` has sent."""
        transport = self._transport
        if transport is None or answered.ready is None:
            return
        past = sent is not None and transport.get_write_buffer_size() == 0
        delivery = Delivery(
            transport,
            self._socket if past else None,
            answered.ready,
            resident,
            sent=sent,
            done=lambda: self._delivered(answered),
        )
        self._delivery = delivery
        self._free = False
        self.rate_since, self.rate_sent = self.last, 0
        self._server.begin()
        if delivery.start():
            self._finish(answered)

    def attend(self, request: bytes, answered: Answered) -> Attendance:
        """Begins to wait for the answer to ``request``."""
        assert self._transport is not None
        self._waiting = request
        attendance = Attendance(
            self._transport,
            done=lambda: self._delivered(answered),
            passed_on=self._passed_on,
        )
        self._delivery = attendance
        self._free = False
        self.rate_since, self.rate_sent = self.last, 0
        self._server.begin()
        return attendance

    def _passed_on(self, begun: Begun | None) -> None:
        """Gives the request that has waited to the handler after all."""
        self._delivery = None
        self._server.end()
        data, self._waiting, self._held = self._waiting + self._held, b"", b""
        self._hand_over(data, begun)

    def _finish(self, answered: Answered) -> None:
        delivery, self._delivery = self._delivery, None
        assert delivery is not None
        assert self._express is not None
        self._server.end()
        answered.ready = delivery.ready
        self._express.delivered(self, answered, delivery.sent)
        if answered.viewer.closes:
            self.close()

    def _delivered(self, answered: Answered) -> None:
        """Goes on after an answer that took a while."""
        self._finish(answered)
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        held = self._held
        if len(held) > MOST_HELD:
            transport.resume_reading()
        self._take(held)
        # While the server drains, the next answer is the one that tells of the end.
        if self._at_end and self.is_idle:
            transport.close()

    # Its end.

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return self._delivery is None and (self._handler is None or self._handler.is_idle)

    def drain(self) -> None:
        """Lets the next answer be the last."""
        self._free = False

    def close(self) -> None:
        """Closes it, once what was sent has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Closes it at once."""
        if self._transport is not None:
            self._transport.abort()

    def look(self, now: float) -> None:
        """Ends the connection if it keeps the edge waiting; called about once a second."""
        transport = self._transport
        if transport is None:
            return
        if self._delivery is not None:
            self._look_at_pace(self._delivery, now)
            return
        if self._handler is not None:
            if not self._handler.is_idle:
                return
            self._count_heads(self._handler)
        if self.head_since and now - self.head_since > self._server.limits.head_seconds:
            transport.abort()
        elif now - self.last > self._server.limits.idle_seconds:
            if self._slow:
                # Closing would wait until the viewer has read what was sent.
                transport.abort()
            else:
                transport.close()
        else:
            self.let_go_of_handler()

    def _count_heads(self, handler: "ViewerHandler") -> None:
        """Takes note that a head which has come is not waited for any more."""
        if handler.requests != self._heads:
            self._heads, self.head_since = handler.requests, 0.0

    def _look_at_pace(self, delivery: Delivery | Attendance, now: float) -> None:
        assert self._transport is not None
        limits = self._server.limits
        held = self._transport.get_write_buffer_size()
        taken = delivery.sent - held
        if held or isinstance(delivery, Delivery):
            if now - self.rate_since < limits.send_seconds:
                return
            if taken - self.rate_sent < limits.send_bytes_per_second * (now - self.rate_since):
                self._transport.abort()
        # Otherwise it is the viewer who waits, for the origin.
        self.rate_since, self.rate_sent = now, taken

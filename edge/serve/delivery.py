"""Sending a large body from memory at the pace of the viewer, without copying it in Python.

Without TLS the socket takes the pages themselves (sendfile(2)), without a transport's buffer
between; so this goes past the transport on a duplicate of the socket, and only while that holds
nothing back. With TLS, slices are given to the transport as it gets rid of them.
"""

import asyncio
import mmap
import os
import socket
from collections.abc import Callable

from edge.serve.ready import Ready
from edge.store import Resident

SLICE = 256 * 1024
"""Bytes given to the transport at once."""
COPIED = 64 * 1024
"""Bytes of content that go through the transport in one piece with the head."""
TURN = 1024 * 1024
"""Bytes given to a transport until other connections get their turn."""
PAGES_TURN = 8 * 1024 * 1024
"""The same of pages, which cost so little that a socket's buffer had better be filled at once."""
LARGE = 1024 * 1024
"""Bytes from which on a packet more, for the head alone, is the lesser evil: content that begins
with a packet of its own goes out in whole ones."""


def duplicate_of(transport: asyncio.Transport) -> socket.socket:
    """The socket of a transport without TLS, to be written past the transport."""
    one = transport.get_extra_info("socket")
    duplicate = socket.socket(one.family, one.type, fileno=os.dup(one.fileno()))
    duplicate.setblocking(False)
    return duplicate


def send_at_once(
    transport: asyncio.Transport, into: socket.socket | None, ready: Ready, resident: Resident
) -> int | None:
    """Sends what can be sent at once of an answer with large content.

    Args:
        transport: the connection.
        into: a duplicate of its socket; None with TLS.
        ready: the answer.
        resident: the object.

    Returns:
        How many bytes of content that is; None when not even the head is sent.
    """
    if into is None or transport.get_write_buffer_size():
        size = ready.stop - ready.start
        if size > COPIED:
            return None
        transport.write(ready.head + resident.view[ready.start : ready.stop])
        return size
    taken = 0
    try:
        shares = ready.start % mmap.PAGESIZE == 0 and ready.stop - ready.start < LARGE
        sent = into.send(ready.head, socket.MSG_MORE if shares else 0)
        if sent < len(ready.head):
            transport.write(ready.head[sent:])
        else:
            taken = send_pages(into, resident, ready.start, ready.stop)
    except BlockingIOError:
        return None
    except OSError:
        transport.abort()
    return taken


def send_pages(into: socket.socket, resident: Resident, start: int, stop: int) -> int:
    """Sends bytes from ``start`` up to, without, ``stop``; how many the socket took for now.

    Raises:
        OSError: the connection is broken.
    """
    turn = min(stop, start + PAGES_TURN)
    offset = start
    try:
        while offset < turn:
            sent = os.sendfile(into.fileno(), resident.file, offset, turn - offset)
            if sent == 0:
                raise OSError("the object is shorter than it was")
            offset += sent
    except BlockingIOError:
        pass
    return offset - start


class Delivery:
    """One answer under way."""

    __slots__ = (
        "_done",
        "_ended",
        "_head",
        "_loop",
        "_offset",
        "_paused",
        "_resident",
        "_socket",
        "_stop",
        "_transport",
        "_watching",
        "ready",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        duplicate: socket.socket | None,
        ready: Ready,
        resident: Resident,
        *,
        sent: int | None,
        done: Callable[[], None],
    ) -> None:
        """Prepares it.

        Args:
            transport: the connection.
            duplicate: of its socket; None where all goes through the transport.
            ready: what is answered.
            resident: the object.
            sent: bytes of content that the socket has taken, after the head; None when that has
                not been sent either.
            done: is told the end, unless ``start`` says at once that it is over.
        """
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._socket = duplicate
        self._resident = resident
        self._head = ready.head if sent is None else b""
        self._offset = ready.start + (sent or 0)
        self._stop = ready.stop
        self._done = done
        self._paused = self._watching = self._ended = False
        self.ready = ready

    @property
    def sent(self) -> int:
        """Bytes of content that were handed over."""
        return self._offset - self.ready.start

    def start(self) -> bool:
        """Sends what can be sent at once; whether that is all."""
        if self._socket is not None:
            return self._send_pages()
        if self._head:
            self._transport.write(self._head)
        return self._give_slices()

    # Past the transport.

    def _send_pages(self) -> bool:
        assert self._socket is not None
        try:
            self._offset += send_pages(self._socket, self._resident, self._offset, self._stop)
        except OSError:
            # The connection is broken; its end comes through the transport.
            self._unwatch()
            self._transport.abort()
            return False
        if self._offset >= self._stop:
            self._unwatch()
            return True
        if not self._watching:
            self._watching = True
            self._loop.add_writer(self._socket.fileno(), self._go_on)
        return False

    def _go_on(self) -> None:
        if self._send_pages():
            self._end()

    def _unwatch(self) -> None:
        if self._watching and self._socket is not None:
            self._watching = False
            self._loop.remove_writer(self._socket.fileno())

    # Through the transport.

    def pause(self) -> None:
        """Learns that the transport takes no more for now."""
        self._paused = True

    def resume(self) -> None:
        """Learns that the transport takes more again."""
        self._paused = False
        if self._socket is None:
            self._give_more()

    def _give_slices(self) -> bool:
        view, turn = self._resident.view, self._offset + TURN
        while self._offset < self._stop:
            if self._paused:
                return False
            if self._offset >= turn:
                self._loop.call_soon(self._give_more)
                return False
            end = min(self._offset + SLICE, self._stop)
            self._transport.write(view[self._offset : end])
            self._offset = end
        return True

    def _give_more(self) -> None:
        if not self._ended and not self._paused and self._give_slices():
            self._end()

    # Its end.

    def cut(self) -> None:
        """Ends it where it is."""
        self._end()

    def _end(self) -> None:
        self._unwatch()
        if not self._ended:
            self._ended = True
            self._done()

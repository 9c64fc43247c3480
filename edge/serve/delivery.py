"""Sending a large body from memory at the pace of the viewer, without copying it in Python.

Without TLS the socket takes the mapped bytes at once, without a transport's buffer between; so this
goes past the transport on a duplicate of the socket, and only while that holds nothing back. With
TLS, slices are given to the transport as it gets rid of them.

Large bodies go by sendfile(2), which copies nothing. Small ones do not: send(2) copies them into
few long runs, where the small pages of a file system in memory make many short ones, and those
cost sender and receiver more than the copy.
"""

import asyncio
import os
import socket
from collections.abc import Callable

from edge.serve.hot import Ready
from edge.store import Resident

SLICE = 256 * 1024
"""Bytes given to the transport at once."""
TURN = 1024 * 1024
"""Bytes sent until other connections get their turn."""

LARGE = 4 * 1024 * 1024
"""Bytes from which on a body is large."""


class Delivery:
    """One answer under way."""

    __slots__ = (
        "_done",
        "_ended",
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
        done: Callable[[], None],
    ) -> None:
        """Prepares it.

        Args:
            transport: the connection.
            duplicate: of its socket; None with TLS.
            ready: what is answered.
            resident: the object.
            done: is told the end, unless ``start`` says at once that it is over.
        """
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._socket = duplicate
        self._resident = resident
        self._offset = ready.start
        self._stop = ready.stop
        self._done = done
        self._paused = self._watching = self._ended = False
        self.ready = ready

    @property
    def sent(self) -> int:
        """Bytes of content that were handed over."""
        return self._offset - self.ready.start

    @property
    def _is_large(self) -> bool:
        return self._stop - self.ready.start >= LARGE

    def start(self) -> bool:
        """Sends what can be sent at once; whether that is all."""
        head = self.ready.head
        if self._socket is not None and self._transport.get_write_buffer_size() == 0:
            try:
                if self._is_large:
                    sent = self._socket.send(head, socket.MSG_MORE)
                else:
                    first = min(self._stop, self._offset + TURN)
                    sent = self._socket.sendmsg((head, self._resident.view[self._offset : first]))
            except BlockingIOError:
                sent = 0
            except OSError:
                self._transport.abort()
                return False
            if sent >= len(head):
                self._offset += sent - len(head)
                return self._send_pages()
            head = head[sent:]
        self._socket = None
        self._transport.write(head)
        return self._give_slices()

    # Past the transport.

    def _send_pages(self) -> bool:
        assert self._socket is not None
        turn = min(self._stop, self._offset + TURN)
        try:
            while self._offset < turn:
                self._offset += self._send_some(turn)
        except BlockingIOError:
            pass
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

    def _send_some(self, stop: int) -> int:
        """Sends bytes up to, without, ``stop``; how many the socket took.

        Raises:
            OSError: it takes none, for now or at all.
        """
        assert self._socket is not None
        if not self._is_large:
            return self._socket.send(self._resident.view[self._offset : stop])
        file, count = self._resident.file, stop - self._offset
        return os.sendfile(self._socket.fileno(), file, self._offset, count)

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

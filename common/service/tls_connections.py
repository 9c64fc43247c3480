"""TLS between a listener's sockets and the protocols that answer on them.

All connections of a listener share the two buffers that OpenSSL reads records from and writes them
to: what is put into one is taken out again before the event loop goes on. So a connection costs
what OpenSSL keeps of it and little more. uvloop's own TLS has buffers for each connection, which
with many connections fill the processor's caches.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

HANDSHAKE_SECONDS = 30.0
"""Until a handshake has to be done."""
PLAIN = 256 * 1024
"""Bytes that are encrypted before the socket gets them."""
_RECORD = 16 * 1024
"""Bytes of content in a record, at most (RFC 8446 §5.1)."""

ProtocolFactory = Callable[[], asyncio.Protocol]


class TlsProtocols:
    """Makes the connections of one listener."""

    def __init__(self, context: ssl.SSLContext, factory: ProtocolFactory) -> None:
        """Handshakes begin in ``context``; those that succeed get a protocol of ``factory``."""
        self.context = context
        self.factory = factory
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()

    def __call__(self) -> "TlsConnection":
        """A new connection's protocol."""
        return TlsConnection(self)


class TlsConnection(asyncio.Protocol, asyncio.Transport):
    """One connection: the protocol of its socket, and the transport of the protocol above it."""

    __slots__ = ("_closing", "_deadline", "_listener", "_open", "_protocol", "_tls", "_transport")

    def __init__(self, listener: TlsProtocols) -> None:
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._tls: ssl.SSLObject | None = None
        self._protocol: asyncio.Protocol | None = None
        """What answers, once the handshake is done."""
        self._deadline: asyncio.TimerHandle | None = None
        self._open = False
        """Whether the handshake is done."""
        self._closing = False

    # The socket's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for the client's first bytes; until then there is nothing to keep."""
        # uvloop's transports are none of asyncio's own classes.
        self._transport = cast(asyncio.Transport, transport)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(HANDSHAKE_SECONDS, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Takes records."""
        if self._closing:
            return
        incoming = self._listener.incoming
        incoming.write(data)
        plain, ended = b"", False
        try:
            if not self._open:
                self._shake_hands()
            tls = self._tls
            assert tls is not None
            # No content is longer than its record, and a short buffer is quicker to be had.
            plain = tls.read(min(len(data), _RECORD))
            if not plain or incoming.pending or tls.pending():
                plain, ended = self._read_on(tls, plain)
        except ssl.SSLWantReadError:
            # A part of a record: OpenSSL keeps it.
            pass
        except ssl.SSLError:
            # The alert that says why is among what is sent.
            incoming.read()
            self._closing = True
        if self._listener.outgoing.pending:
            self._send()
        self._hand_on(plain, ended=ended)

    def _hand_on(self, plain: bytes, *, ended: bool) -> None:
        """Gives content to the protocol, now that the shared buffers are empty."""
        if self._protocol is None and self._open and not self._closing:
            self._protocol = self._listener.factory()
            self._protocol.connection_made(self)
        if plain and self._protocol is not None and not self._closing:
            self._protocol.data_received(plain)
        if ended:
            self._end()
        elif self._closing and self._transport is not None:
            self._transport.close()

    def _shake_hands(self) -> None:
        """Goes on with the handshake.

        Raises:
            ssl.SSLError: it failed, or more has to come.
        """
        listener = self._listener
        if self._tls is None:
            self._tls = listener.context.wrap_bio(
                listener.incoming, listener.outgoing, server_side=True
            )
        self._tls.do_handshake()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._open = True

    def _read_on(self, tls: ssl.SSLObject, first: bytes) -> tuple[bytes, bool]:
        """All content that is there, of which ``first`` is read, and whether it is the last."""
        incoming, pieces = self._listener.incoming, [first]
        try:
            while pieces[-1] and (incoming.pending or tls.pending()):
                pieces.append(tls.read(_RECORD))
        except ssl.SSLWantReadError:
            return b"".join(pieces), False
        ended = not pieces[-1]
        if ended:
            # Whatever follows the client's last word is none of its content (RFC 8446 §6.1).
            incoming.read()
        return b"".join(pieces), ended

    def _send(self) -> None:
        assert self._transport is not None
        self._transport.write(self._listener.outgoing.read())

    def eof_received(self) -> bool:
        """Learns that the client sends no more."""
        self._end()
        return True

    def _end(self) -> None:
        stays = self._protocol is not None and not self._closing and self._protocol.eof_received()
        if not stays:
            self.close()

    def pause_writing(self) -> None:
        """Learns that the client is slow."""
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Learns that it has caught up."""
        if self._protocol is not None:
            self._protocol.resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Ends."""
        self._closing = True
        if self._deadline is not None:
            self._deadline.cancel()
        protocol, self._protocol, self._tls = self._protocol, None, None
        if protocol is not None:
            protocol.connection_lost(cast("Exception | None", exc))

    # The protocol's calls.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends ``data``."""
        if self._closing or self._tls is None or self._transport is None:
            return
        size = data.nbytes if isinstance(data, memoryview) else len(data)
        if size == 0:
            return
        sent = self._tls.write(data)
        if sent == size:
            self._transport.write(self._listener.outgoing.read())
            return
        # OpenSSL takes a record at a time.
        rest, since = memoryview(data).cast("B"), 0
        while sent < size:
            if sent - since >= PLAIN:
                self._send()
                since = sent
            sent += self._tls.write(rest[sent : sent + _RECORD])
        self._send()

    def writelines(self, list_of_data: Any) -> None:
        """Sends several pieces."""
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        """Tells the client of the end, and closes once all that was written is sent."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._open and not self._closing and self._tls is not None:
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                # The client has not answered, and need not (RFC 8446 §6.1).
                self._listener.incoming.read()
            if self._listener.outgoing.pending:
                self._send()
        self._closing = True
        self._transport.close()

    def abort(self) -> None:
        """Closes at once."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._closing or self._transport is None or self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection, as asyncio's TLS transports have it."""
        if name == "ssl_object":
            return self._tls
        if name == "sslcontext":
            return self._listener.context
        return default if self._transport is None else self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Reads no further for now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Reads on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Says how many bytes may wait until the protocol is told."""
        if self._transport is not None:
            self._transport.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Bytes that wait, encrypted."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        """Whether it can say that nothing more follows, and read on."""
        return False

"""DNS over UDP and TCP (RFC 7766): one packet, one answer."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from common.clock import Clock
from common.errors import PortTaken, SettingsInvalid
from control_plane.dns.answer import LARGEST_OVER_TCP, room
from control_plane.dns.pace import Pace, Verdict
from control_plane.dns.query import unmapped
from control_plane.dns.responder import Responder
from control_plane.dns.settings import DnsSettings

MOST_CONNECTIONS: Final = 256
"""Connections at a time; one more takes the place of the one that has been idle longest."""
IDLE_FOR: Final = 10.0
"""Seconds without a query after which a connection is closed (RFC 7766 §6.2.3)."""
LARGEST_QUERY: Final = 4096
"""Octets; a query with every option that there is has a few hundred."""
AT_ONCE: Final = 16
"""Queries of one connection that are answered before others have their turn."""
LEFT_UNREAD: Final = 65_536
"""Octets of answers that wait in the kernel for a client: it might never read them."""
LENGTH: Final = 2


class Udp(asyncio.DatagramProtocol):
    """Answers datagrams."""

    def __init__(self, responder: Responder, pace: Pace, clock: Clock) -> None:
        self._responder = responder
        self._pace = pace
        self._clock = clock
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # what UDP has
        """Begins."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Answers one."""
        peer = _peer(addr)
        answer = None
        match self._pace.judge(peer, now=self._clock.monotonic()):
            case Verdict.ANSWER:
                answer = self._responder.respond(data, peer, room)
            case Verdict.CUT:
                answer = self._responder.cut(data)
            case Verdict.DROP:
                self._responder.drop()
        # Nobody listens on port 0: it was made up.
        if answer is not None and addr[1]:
            self._transport.sendto(answer, addr)

    def error_received(self, exc: Exception) -> None:
        """Does nothing: a client that is gone is no trouble of the others."""


class Connections:
    """Those that are open, the one whose last query came first at the front."""

    def __init__(self) -> None:
        self._open: dict[Tcp, None] = {}

    def touch(self, connection: "Tcp") -> None:
        """Notes a sign of life; closes the idlest where there are too many."""
        self._open.pop(connection, None)
        self._open[connection] = None
        if len(self._open) > MOST_CONNECTIONS:
            next(iter(self._open)).close()

    def forget(self, connection: "Tcp") -> None:
        """It is closed."""
        self._open.pop(connection, None)

    def close(self) -> None:
        """Closes all."""
        for connection in list(self._open):
            connection.close()


class Tcp(asyncio.Protocol):
    """Answers the queries of one connection in their order."""

    def __init__(self, responder: Responder, connections: Connections) -> None:
        self._responder = responder
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._peer: IPv4Address | IPv6Address
        self._read = bytearray()
        self._full = False
        """Whether the client does not take its answers."""
        self._ended = False
        """Whether the client has no more to ask."""
        self._later: asyncio.Handle | None = None
        self._deadline: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # what TCP has
        """Begins."""
        self._transport = transport
        self._deadline = self._loop.call_later(IDLE_FOR, self.close)
        peer = transport.get_extra_info("peername")
        if peer is None:
            # It has gone already.
            self.close()
            return
        self._peer = _peer(peer)
        one = transport.get_extra_info("socket")
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LEFT_UNREAD)
        self._connections.touch(self)

    def data_received(self, data: bytes) -> None:
        """Answers what is whole."""
        self._read += data
        if self._later is None and not self._full:
            self._work()

    def pause_writing(self) -> None:
        """Waits until the client has taken its answers; for no longer than it may be idle."""
        self._full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Goes on."""
        self._full = False
        if self._later is None:
            self._work()

    def eof_received(self) -> bool:
        """Answers what is left; whether there is some."""
        self._ended = True
        return self._later is not None or self._full

    def connection_lost(self, _: Exception | None) -> None:
        """Ends."""
        self._deadline.cancel()
        if self._later is not None:
            self._later.cancel()
        self._connections.forget(self)

    def close(self) -> None:
        """Ends it now, whatever is under way: a client asks again."""
        self._connections.forget(self)
        self._transport.abort()

    def _work(self) -> None:
        """Answers a few queries, and reads no more before all that came are answered."""
        self._later = None
        for _ in range(AT_ONCE):
            if self._full or self._transport.is_closing():
                return
            packet = self._next()
            if packet is None:
                self._read_on()
                return
            self._deadline.cancel()
            self._deadline = self._loop.call_later(IDLE_FOR, self.close)
            self._connections.touch(self)
            answer = self._responder.respond(packet, self._peer, lambda _: LARGEST_OVER_TCP)
            if answer is None:
                self.close()
                return
            self._transport.write(len(answer).to_bytes(LENGTH, "big") + answer)
        self._transport.pause_reading()
        self._later = self._loop.call_soon(self._work)

    def _read_on(self) -> None:
        if self._ended:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def _next(self) -> bytes | None:
        """The next query; None while it is not whole."""
        if len(self._read) < LENGTH:
            return None
        end = LENGTH + int.from_bytes(self._read[:LENGTH], "big")
        if end > LENGTH + LARGEST_QUERY:
            self.close()
            return None
        if len(self._read) < end:
            return None
        packet = bytes(self._read[LENGTH:end])
        del self._read[:end]
        return packet


def _peer(address: tuple[Any, ...]) -> IPv4Address | IPv6Address:
    return unmapped(ip_address(address[0].partition("%")[0]))


@asynccontextmanager
async def serving(settings: DnsSettings, responder: Responder, clock: Clock) -> AsyncIterator[None]:
    """Answers while the block runs.

    Raises:
        PortTaken: another program has the port.
        SettingsInvalid: an address is not this machine's, or the port needs a privilege.
    """
    loop = asyncio.get_running_loop()
    connections, pace = Connections(), Pace(settings.responses_per_second)
    async with AsyncExitStack() as stack:
        stack.callback(connections.close)
        for host in settings.addresses:
            udp, _ = await loop.create_datagram_endpoint(
                partial(Udp, responder, pace, clock),
                sock=_bound(host, settings.port, socket.SOCK_DGRAM),
            )
            stack.callback(udp.close)
            tcp = await loop.create_server(
                partial(Tcp, responder, connections),
                sock=_bound(host, settings.port, socket.SOCK_STREAM),
            )
            stack.callback(tcp.close)
        yield


def _bound(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    """A socket at an address; the loop would not close its own where that fails."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            # All addresses of IPv4 may be listened on beside all of IPv6.
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setblocking(False)
        one.bind((host, port))
    except OSError as error:
        one.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(port=port, host=host) from error
        raise SettingsInvalid(file="dns", key=f"{host}:{port}", expected=str(error)) from error
    return one

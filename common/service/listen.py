"""Where a role listens: addresses, TLS, and closing down without cutting answers short."""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
from aiohttp import web

from common.errors import NearcastError, PortTaken, SettingsInvalid
from common.service.connection import Connection
from common.service.tls import CertificateSettings, ServerCertificates, reloading
from common.service.tls_connections import ProtocolFactory, TlsProtocols

BACKLOG = 1024
"""Connections that may wait to be accepted."""
ACCEPTED_AT_ONCE = 16
"""Connections that are accepted in one turn of the event loop. libuv takes one from each listening
socket (since 1.45), so that a crowd would wait for as many turns of a busy loop as it has heads."""


class ListenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An address to listen on."""

    host: Annotated[
        str,
        msgspec.Meta(
            description="Address to listen on; 0.0.0.0 is every IPv4 address.",
            # Nothing would be every address too, which nobody should say by accident.
            pattern=r"^[!-~]{1,253}\Z",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        msgspec.Meta(description="TCP port to listen on.", ge=1, le=65535, extra={"example": 8443}),
    ]
    certificate: Annotated[
        Path | None,
        msgspec.Meta(
            description="File of the TLS certificate chain, PEM. Without it the server speaks "
            "plain HTTP, which only suits a place behind a TLS terminator.",
            extra={"example": "tls/server.pem"},
        ),
    ] = None
    key: Annotated[
        Path | None,
        msgspec.Meta(
            description="File of the certificate's private key, PEM; may be the same file.",
            extra={"example": "tls/server.key"},
        ),
    ] = None
    certificates: Annotated[
        tuple[CertificateSettings, ...],
        msgspec.Meta(
            description="Certificates for clients that ask for one of the names in them. All "
            "others get the one above."
        ),
    ] = ()

    def __post_init__(self) -> None:
        if self.certificates and self.certificate is None:
            raise ValueError("certificates need a certificate for clients that name no server")


@dataclass(frozen=True)
class Listener:
    """An application, or a bare server, and where it answers."""

    application: web.Application | web.Server
    settings: ListenSettings | Path
    """An address, or the path of a Unix socket."""
    sockets: tuple[socket.socket, ...] = ()
    """What is ``bound`` to the address already, by the process that hands it down."""
    ticket_secret: bytes = b""
    """What processes share that resume each other's TLS sessions, as ``ServerCertificates`` say."""
    connection: Callable[..., asyncio.Protocol] | None = None
    """Makes a TCP connection's protocol, out of what aiohttp's ``RequestHandler`` takes; None for
    ``Connection``, or for what a bare server makes."""


def bound(settings: ListenSettings, *, shared: bool = False) -> tuple[socket.socket, ...]:
    """Sockets at an address, one for each that its name stands for, on which nobody listens yet.

    Looks names up: it belongs in a thread.

    Args:
        settings: the address.
        shared: whether others may be bound to it too, and share its connections (SO_REUSEPORT).

    Raises:
        PortTaken: another program has the port.
        SettingsInvalid: the address is not this machine's.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, address in dict.fromkeys(found):
            sockets.append(socket.socket(family, socket.SOCK_STREAM))
            _bind(sockets[-1], address, shared=shared)
    except OSError as error:
        for one in sockets:
            one.close()
        raise _refused(settings, error) from error
    return tuple(sockets)


def _bind(one: socket.socket, address: Any, *, shared: bool) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if one.family == socket.AF_INET6:
        # Names that stand for IPv4 addresses too have a socket for each.
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if shared:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(address)


def server_certificates(listener: Listener) -> ServerCertificates | None:
    """The TLS side of ``listener``; None for plain HTTP. Reads files: it belongs in a thread.

    Raises:
        SettingsInvalid: a certificate cannot be read, does not fit its key, or is not valid now.
    """
    settings = listener.settings
    if isinstance(settings, Path) or settings.certificate is None:
        return None
    default = CertificateSettings(certificate=settings.certificate, key=settings.key)
    return ServerCertificates(
        (default, *settings.certificates), ticket_secret=listener.ticket_secret
    )


@contextlib.asynccontextmanager
async def listening(
    listeners: Sequence[Listener], *, shutdown_timeout: float = 3.0
) -> AsyncIterator[None]:
    """Answers on all of ``listeners`` while the block runs, then drains them.

    Certificates are read anew when their files change, and on SIGHUP.

    Args:
        listeners: what to answer, and where.
        shutdown_timeout: seconds that answers in flight get to finish.

    Raises:
        PortTaken: another program has one of the ports.
        SettingsInvalid: a certificate does not load, or an address is not this machine's.
    """
    certificates = [await asyncio.to_thread(server_certificates, one) for one in listeners]
    runners: list[web.BaseRunner] = []
    async with reloading([one for one in certificates if one is not None]):
        try:
            for listener, own in zip(listeners, certificates, strict=True):
                runner = _runner_of(listener, shutdown_timeout)
                await runner.setup()
                runners.append(runner)
                if isinstance(listener.settings, Path):
                    await _start_unix(runner, listener.settings)
                else:
                    context = None if own is None else own.context
                    protocols = _protocols(runner, listener, context)
                    await _start(runner, listener.settings, listener.sockets, protocols)
            yield
        finally:
            await asyncio.gather(*(runner.cleanup() for runner in runners))


def _runner_of(listener: Listener, shutdown_timeout: float) -> web.BaseRunner:
    application = listener.application
    if isinstance(application, web.Server):
        return web.ServerRunner(application, shutdown_timeout=shutdown_timeout)
    application.on_response_prepare.append(_name_server)
    return web.AppRunner(application, access_log=None, shutdown_timeout=shutdown_timeout)


async def _name_server(_: web.Request, response: web.StreamResponse) -> None:
    """Keeps the versions of libraries from strangers (RFC 9110 §10.2.4)."""
    response.headers["Server"] = "nearcast"


def _protocols(
    runner: web.BaseRunner, listener: Listener, context: ssl.SSLContext | None
) -> ProtocolFactory:
    assert runner.server is not None
    protocols: ProtocolFactory = runner.server
    if not isinstance(listener.application, web.Server):
        made: Callable[..., asyncio.Protocol] = listener.connection or Connection
        loop = asyncio.get_running_loop()
        protocols = partial(made, runner.server, loop=loop, access_log=None)
    return protocols if context is None else TlsProtocols(context, protocols)


async def _start(
    runner: web.BaseRunner,
    settings: ListenSettings,
    sockets: tuple[socket.socket, ...],
    protocols: ProtocolFactory,
) -> None:
    try:
        for one in sockets or await asyncio.to_thread(bound, settings):
            for each in (one, *(one.dup() for _ in range(ACCEPTED_AT_ONCE - 1))):
                await _Site(runner, each, protocols).start()
    except OSError as error:
        raise _refused(settings, error) from error


class _Site(web.BaseSite):
    """Where a runner answers, with protocols that need not be aiohttp's own."""

    __slots__ = ("_protocols", "_socket")

    def __init__(
        self, runner: web.BaseRunner, bound: socket.socket, protocols: ProtocolFactory
    ) -> None:
        super().__init__(runner, backlog=BACKLOG)
        self._socket = bound
        self._protocols = protocols

    @property
    def name(self) -> str:
        """Where it is."""
        host, port = self._socket.getsockname()[:2]
        return f"{'https' if isinstance(self._protocols, TlsProtocols) else 'http'}://{host}:{port}"

    async def start(self) -> None:
        """Listens."""
        await super().start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocols, sock=self._socket, backlog=BACKLOG)


async def _start_unix(runner: web.BaseRunner, path: Path) -> None:
    # Whoever connects meets this process or the one that was there before it, never nobody.
    own = path.with_name(f"{path.name}.{os.getpid()}")
    await web.UnixSite(runner, str(own), backlog=BACKLOG).start()
    await asyncio.to_thread(own.replace, path)


def _refused(settings: ListenSettings, error: OSError) -> NearcastError:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(port=settings.port, host=settings.host)
    return SettingsInvalid(
        file="listen", key=f"{settings.host}:{settings.port}", expected=str(error)
    )

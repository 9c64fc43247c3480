"""Where a role listens: addresses, TLS, and closing down without cutting answers short."""

import asyncio
import contextlib
import errno
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from aiohttp import web

from common.errors import PortTaken, SettingsInvalid


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


@dataclass(frozen=True)
class Listener:
    """An application, or a bare server, and where it answers."""

    application: web.Application | web.Server
    settings: ListenSettings | Path
    """An address, or the path of a Unix socket."""
    shared: bool = False
    """Whether several processes answer on the same address (SO_REUSEPORT)."""


def server_context(settings: ListenSettings) -> ssl.SSLContext | None:
    """The TLS side of ``settings``: TLS 1.2 or newer; None for plain HTTP.

    Raises:
        SettingsInvalid: certificate or key cannot be read or do not belong together.
    """
    if settings.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsInvalid(
            file=settings.certificate,
            key="certificate",
            expected=f"a certificate chain and key in PEM ({error})",
        ) from error
    return context


@contextlib.asynccontextmanager
async def listening(
    listeners: Sequence[Listener], *, shutdown_timeout: float = 3.0
) -> AsyncIterator[None]:
    """Answers on all of ``listeners`` while the block runs, then drains them.

    Args:
        listeners: what to answer, and where.
        shutdown_timeout: seconds that answers in flight get to finish.

    Raises:
        PortTaken: another program has one of the ports.
        SettingsInvalid: a certificate does not load, or an address is not this machine's.
    """
    runners: list[web.BaseRunner] = []
    try:
        for listener in listeners:
            runner = _runner_of(listener, shutdown_timeout)
            await runner.setup()
            runners.append(runner)
            if isinstance(listener.settings, Path):
                await web.UnixSite(runner, str(listener.settings), backlog=1024).start()
            else:
                await _start(runner, listener.settings, shared=listener.shared)
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


async def _start(runner: web.BaseRunner, settings: ListenSettings, *, shared: bool) -> None:
    site = web.TCPSite(
        runner,
        settings.host,
        settings.port,
        ssl_context=server_context(settings),
        backlog=1024,
        reuse_port=shared or None,
    )
    try:
        await site.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(port=settings.port, host=settings.host) from error
        raise SettingsInvalid(
            file="listen", key=f"{settings.host}:{settings.port}", expected=str(error)
        ) from error

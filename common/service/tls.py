"""TLS for listeners: a certificate for each name, read anew while connections go on.

TLS 1.2 and 1.3 (RFC 5246, RFC 8446), server names (RFC 6066 §3), HTTP/1.1 by ALPN (RFC 7301).
AES-128-GCM comes first whatever the client prefers: with AES in hardware it is the fastest.

The ``ssl`` module orders no suites of TLS 1.3 and sets no ticket keys (Python 3.11). Both are
set in OpenSSL itself, once it is proven that its context is where we look for it; where it is not,
one line of the log says so, and OpenSSL's own order and keys stay.
"""

import _ssl
import asyncio
import contextlib
import ctypes
import functools
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common import logs
from common.errors import SettingsInvalid

LOOK_EVERY = 3.0
"""Seconds between looks at the files of certificates."""
SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384")
"""Of TLS 1.3, the best first (RFC 8446 §B.4)."""
CIPHERS = tuple(
    f"ECDHE-{signature}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "CHACHA20-POLY1305", "AES256-GCM-SHA384")
    for signature in ("ECDSA", "RSA")
)
"""Of TLS 1.2, the best first: all of forward secrecy, all authenticated (RFC 9325 §4.2)."""

_SET_TICKET_KEYS = 59
"""SSL_CTRL_SET_TLSEXT_TICKET_KEYS of OpenSSL's tls1.h."""
_TICKET_KEYS_LENGTH = 80
"""Bytes: 16 name the keys, 32 authenticate tickets, 32 encrypt them."""

_log = logs.get(__name__)

Stamp = tuple[int, int, int] | None
"""When a file changed, which one it is, and its bytes; None when it cannot be looked at."""


class CertificateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate and its private key."""

    certificate: Annotated[
        Path,
        msgspec.Meta(
            description="File of the TLS certificate chain, PEM. The certificate's own DNS names "
            "tell which clients get it; *.example.org stands for one label.",
            extra={"example": "tls/video.example.org.pem"},
        ),
    ]
    key: Annotated[
        Path | None,
        msgspec.Meta(
            description="File of the certificate's private key, PEM; may be the same file.",
            extra={"example": "tls/video.example.org.key"},
        ),
    ] = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it is read from."""
        return (self.certificate,) if self.key is None else (self.certificate, self.key)


@dataclass(frozen=True)
class _Loaded:
    """A certificate that handshakes can use, and the DNS names that it is for."""

    context: ssl.SSLContext
    names: tuple[str, ...]


class ServerCertificates:
    """The certificates of one listener, and the context that its handshakes begin in.

    ``context`` has no certificate itself. Once a client has named the server that it wants, the
    handshake goes on in a context of that certificate alone. New certificates get new contexts: one
    that is loaded into an old context would leave a key of another kind beside it. Session tickets
    belong to the context where a handshake begins, so they outlive every reload.
    """

    def __init__(
        self, settings: Sequence[CertificateSettings], *, ticket_secret: bytes = b""
    ) -> None:
        """Reads all certificates: it belongs in a thread.

        Args:
            settings: the certificates; the first is for clients that name no server, or one that
                no certificate is for.
            ticket_secret: what the keys of session tickets are derived from, 32 random bytes.
                Listeners with the same secret resume each other's sessions; without one, each
                has keys of its own. Whoever has it can read what is resumed in TLS 1.2, so it
                should be new at each start, and on no disk (RFC 9325 §3.4).

        Raises:
            SettingsInvalid: a certificate cannot be read, does not fit its key, or is not valid
                at this time.
        """
        self._settings = tuple(settings)
        self._asked = asyncio.Event()
        self._stamps = self._look()
        self._loaded = [_load(one) for one in self._settings]
        self._by_name = _by_name(self._loaded)
        self.context = _new_context()
        self.context.sni_callback = self._choose
        if ticket_secret:
            _set_ticket_keys(self.context, ticket_secret)

    def reload(self) -> None:
        """Reads all certificates anew, for handshakes from now on: it belongs in a thread.

        One that is not fit for use leaves the one that was there before it, and the others change.

        Raises:
            SettingsInvalid: as when they were read first; the first of them, when they are many.
        """
        # Before the files are read: what changes meanwhile is seen next time.
        self._stamps = self._look()
        loaded, trouble = [*self._loaded], None
        for number, settings in enumerate(self._settings):
            try:
                loaded[number] = _load(settings)
            except SettingsInvalid as error:
                trouble = trouble or error
        self._loaded, self._by_name = loaded, _by_name(loaded)
        if trouble is not None:
            raise trouble

    def ask(self) -> None:
        """Has ``watch`` reload them now."""
        self._asked.set()

    async def watch(self) -> None:
        """Reloads them whenever one of their files changes, and when asked; never ends."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._asked.wait()
            if not self._asked.is_set() and await asyncio.to_thread(self._look) == self._stamps:
                continue
            self._asked.clear()
            try:
                await asyncio.to_thread(self.reload)
            except SettingsInvalid as error:
                _log.error("a certificate cannot be used, the old one stays", reason=str(error))
            else:
                _log.info("certificates reloaded", names=sorted(self._by_name))

    def _look(self) -> list[Stamp]:
        return [_stamp(file) for settings in self._settings for file in settings.files]

    def _choose(self, handshake: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        wanted = (name or "").lower()
        # A wildcard is the whole left-most label, and stands for one (RFC 9525 §6.3).
        wildcard = f"*.{wanted.partition('.')[2]}"
        chosen = self._by_name.get(wanted) or self._by_name.get(wildcard) or self._loaded[0]
        handshake.context = chosen.context


@contextlib.asynccontextmanager
async def reloading(certificates: Sequence[ServerCertificates]) -> AsyncIterator[None]:
    """While the block runs, ``certificates`` are read anew when their files change, and on SIGHUP.

    The signal also is no reason to end for a process that has no certificate.
    """
    loop = asyncio.get_running_loop()
    _reloading.append(certificates)
    loop.add_signal_handler(signal.SIGHUP, _ask_all)
    watches = [asyncio.create_task(one.watch()) for one in certificates]
    try:
        yield
    finally:
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        _reloading.remove(certificates)
        if not _reloading:
            loop.remove_signal_handler(signal.SIGHUP)


_reloading: list[Sequence[ServerCertificates]] = []
"""Those of the whole process, as the signal is."""


def _ask_all() -> None:
    for certificates in _reloading:
        for one in certificates:
            one.ask()


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    context.set_ciphers(":".join(CIPHERS))
    library = _openssl()
    if library is not None:
        library.SSL_CTX_set_ciphersuites(_address(context), ":".join(SUITES).encode())
    return context


def _load(settings: CertificateSettings) -> _Loaded:
    """The certificate of ``settings``.

    Raises:
        SettingsInvalid: it cannot be read, does not fit its key, or is not valid at this time.
    """
    context = _new_context()
    try:
        leaf = x509.load_pem_x509_certificates(settings.certificate.read_bytes())[0]
        names = _names_of(leaf)
        # Without a password OpenSSL would ask for one on the terminal, and wait.
        context.load_cert_chain(settings.certificate, settings.key, password="")
    except (OSError, ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise SettingsInvalid(
            file=settings.certificate,
            key="certificate",
            expected=f"a certificate chain, and its key in {settings.files[-1]}, in PEM "
            f"({str(error).partition('. See ')[0]})",
        ) from error
    if not leaf.not_valid_before_utc <= datetime.now(UTC) <= leaf.not_valid_after_utc:
        raise SettingsInvalid(
            file=settings.certificate,
            key="certificate",
            expected="a certificate that is valid now, not only from "
            f"{leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}",
        )
    return _Loaded(context, names)


def _names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Its DNS names in lower case (RFC 5280 §4.2.1.6)."""
    return tuple(
        name.lower()
        for extension in certificate.extensions
        if isinstance(extension.value, x509.SubjectAlternativeName)
        for name in extension.value.get_values_for_type(x509.DNSName)
    )


def _by_name(loaded: Sequence[_Loaded]) -> dict[str, _Loaded]:
    """The certificate for each name: the first that has it."""
    return {name: one for one in reversed(loaded) for name in one.names}


def _stamp(file: Path) -> Stamp:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _set_ticket_keys(context: ssl.SSLContext, secret: bytes) -> None:
    library = _openssl()
    if library is None:
        return
    derivation = HKDF(SHA256(), _TICKET_KEYS_LENGTH, salt=None, info=b"nearcast session tickets")
    keys = derivation.derive(secret)
    library.SSL_CTX_ctrl(_address(context), _SET_TICKET_KEYS, len(keys), keys)


@functools.cache
def _openssl() -> ctypes.CDLL | None:
    """The OpenSSL that the ``ssl`` module is linked with; None when its contexts are not found."""
    try:
        # A library's own dependencies are found through it: no other OpenSSL can be meant.
        library = ctypes.CDLL(_ssl.__file__)
        library.TLS_server_method.restype = ctypes.c_void_p
        library.SSL_CTX_set_ciphersuites.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
        library.SSL_CTX_ctrl.argtypes = (
            *(ctypes.c_void_p, ctypes.c_int, ctypes.c_long),
            ctypes.c_char_p,
        )
        library.SSL_CTX_ctrl.restype = ctypes.c_long
        if _is_reached(library):
            return library
        reason = "its contexts are not where they are looked for"
    except (AttributeError, OSError, OverflowError) as error:
        reason = str(error)
    _log.warning("OpenSSL keeps its own order of ciphers and its own ticket keys", reason=reason)
    return None


def _is_reached(library: ctypes.CDLL) -> bool:
    """Whether ``_address`` is right, proven on a context that nobody uses."""
    probe = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # OpenSSL's context begins with its library context and its method (ssl_ctx_st). Read as a file,
    # so that a wrong address is an error rather than the end of the process.
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        head = os.pread(memory.fileno(), 2 * ctypes.sizeof(ctypes.c_void_p), _address(probe))
    method = library.TLS_server_method().to_bytes(ctypes.sizeof(ctypes.c_void_p), sys.byteorder)
    return (
        method in head
        and library.SSL_CTX_ctrl(_address(probe), _SET_TICKET_KEYS, 0, None) == _TICKET_KEYS_LENGTH
    )


def _address(context: ssl.SSLContext) -> int:
    """Where OpenSSL's SSL_CTX of ``context`` is: the first member of PySSLContext (_ssl.c)."""
    return ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value or 0

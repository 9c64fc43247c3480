"""TLS of listeners over real sockets: names, reloads, ciphers, resumption (RFC 8446, RFC 6066)."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
import trustme
from aiohttp import web

from common.errors import SettingsInvalid
from common.service import Listener, ListenSettings, listening
from common.service.tls import CertificateSettings
from tests.servers.processes import free_ports

DEFAULT = "default.example.org"
TLS13 = ssl.TLSVersion.TLSv1_3
TLS12 = ssl.TLSVersion.TLSv1_2
NEVER = 3600.0
CHANGED = "certificates reloaded"
UNFIT = "a certificate cannot be used, the old one stays"
REFUSED = "ALERT"
"""What clients see: the alert that says why (RFC 8446 §6.2)."""


class Certificates:
    """Certificates in a folder, as an operator keeps them."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        self._folder = folder
        self._authority = authority

    def put(
        self,
        file: str,
        *names: str,
        until: datetime | None = None,
        kind: trustme.KeyType = trustme.KeyType.ECDSA,
    ) -> CertificateSettings:
        """Writes, or replaces, a certificate for ``names`` and its key."""
        issued = self._authority.issue_cert(*names, not_after=until, key_type=kind)
        settings = CertificateSettings(
            certificate=self._folder / f"{file}.pem", key=self._folder / f"{file}.key"
        )
        settings.certificate.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
        assert settings.key is not None
        settings.key.write_bytes(issued.private_key_pem.bytes())
        return settings

    def client(self, version: ssl.TLSVersion = TLS13) -> ssl.SSLContext:
        """A client that trusts them, whatever their names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["http/1.1"])
        self._authority.configure_trust(context)
        return context


@pytest.fixture
def certificates(tmp_path: Path, authority: trustme.CA) -> Certificates:
    return Certificates(tmp_path, authority)


class Connection:
    """A client's connection; it blocks."""

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        name: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        raw = socket.create_connection(("127.0.0.1", port), timeout=30)
        try:
            self.socket = context.wrap_socket(raw, server_hostname=name, session=session)
        except BaseException:
            raw.close()
            raise

    @property
    def names(self) -> set[str]:
        """What the server's certificate is for."""
        found = self.socket.getpeercert()
        assert found is not None
        return {str(entry[1]) for entry in found["subjectAltName"]}

    def ask(self) -> bytes:
        """The content of the answer to a request."""
        self.socket.sendall(b"GET / HTTP/1.1\r\nHost: any\r\n\r\n")
        answer = b""
        while not answer.endswith(b"here"):
            piece = self.socket.recv(65536)
            assert piece, answer
            answer += piece
        return answer.rpartition(b"\r\n")[2]


async def connect(
    port: int,
    context: ssl.SSLContext,
    name: str | None = None,
    session: ssl.SSLSession | None = None,
) -> Connection:
    """A connection that has been answered once: then it has got its session's tickets too."""
    connection = await asyncio.to_thread(Connection, port, context, name, session)
    assert await asyncio.to_thread(connection.ask) == b"here"
    return connection


async def names_of(port: int, context: ssl.SSLContext, name: str | None = None) -> set[str]:
    """What the certificate that a client gets is for."""
    connection = await connect(port, context, name)
    with connection.socket:
        return connection.names


async def here(_: web.Request) -> web.Response:
    return web.Response(text="here")


@contextlib.asynccontextmanager
async def served(
    default: CertificateSettings, *others: CertificateSettings, secret: bytes = b""
) -> AsyncIterator[int]:
    """The port of a listener with these certificates."""
    application = web.Application()
    application.router.add_get("/", here)
    settings = ListenSettings(
        port=free_ports(1)[0],
        certificate=default.certificate,
        key=default.key,
        certificates=others,
    )
    async with listening([Listener(application, settings, ticket_secret=secret)]):
        yield settings.port


def look_every(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.service.tls.LOOK_EVERY", seconds)


async def logged(event: str, entries: list[structlog.typing.EventDict], times: int = 1) -> None:
    """Waits for lines of the log."""
    async with asyncio.timeout(30):
        while [entry["event"] for entry in entries].count(event) < times:  # noqa: ASYNC110 - a line is no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("video.example.org", "video.example.org"),
        ("VIDEO.example.org", "video.example.org"),
        ("second.example.org", "video.example.org"),
        ("eu.example.net", "*.example.net"),
        ("a.eu.example.net", DEFAULT),
        ("example.net", DEFAULT),
        ("exact.example.net", "exact.example.net"),
        ("unknown.example.com", DEFAULT),
        (DEFAULT, DEFAULT),
        (None, DEFAULT),
    ],
)
async def test_a_client_gets_the_certificate_for_the_name_it_asks_for(
    certificates: Certificates, asked: str | None, got: str, version: ssl.TLSVersion
) -> None:
    async with served(
        certificates.put("default", DEFAULT),
        certificates.put("video", "video.example.org", "second.example.org"),
        certificates.put("wild", "*.example.net"),
        certificates.put("exact", "exact.example.net"),
    ) as port:
        assert got in await names_of(port, certificates.client(version), asked)


async def test_the_first_certificate_for_a_name_is_served(certificates: Certificates) -> None:
    async with served(
        certificates.put("default", DEFAULT),
        certificates.put("first", "video.example.org", "first.example.org"),
        certificates.put("second", "video.example.org", "second.example.org"),
    ) as port:
        got = await names_of(port, certificates.client(), "video.example.org")
    assert "first.example.org" in got


@pytest.mark.parametrize("version", [TLS12, TLS13])
async def test_the_protocol_of_the_application_is_http_1_1(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    async with served(certificates.put("default", DEFAULT)) as port:
        connection = await connect(port, certificates.client(version))
        with connection.socket as connected:
            assert connected.selected_alpn_protocol() == "http/1.1"


async def test_a_changed_certificate_is_served_while_old_connections_go_on(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_every(0.05, monkeypatch)
    client = certificates.client()
    async with served(certificates.put("default", DEFAULT)) as port:
        old = await connect(port, client)
        with old.socket, structlog.testing.capture_logs() as entries:
            certificates.put("default", "renewed.example.org")
            await logged(CHANGED, entries)

            assert await names_of(port, client) == {"renewed.example.org"}
            assert await asyncio.to_thread(old.ask) == b"here"


async def test_a_signal_has_certificates_read_anew(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_every(NEVER, monkeypatch)
    client = certificates.client()
    video = certificates.put("video", "video.example.org")
    async with served(certificates.put("default", DEFAULT), video) as port:
        old = await connect(port, client, "video.example.org")
        with old.socket, structlog.testing.capture_logs() as entries:
            certificates.put("video", "video.example.org", "renewed.example.org")
            os.kill(os.getpid(), signal.SIGHUP)
            await logged(CHANGED, entries)

            got = await names_of(port, client, "renewed.example.org")
            assert got == {"video.example.org", "renewed.example.org"}
            assert await asyncio.to_thread(old.ask) == b"here"


async def test_a_signal_reaches_every_listener(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_every(NEVER, monkeypatch)
    client = certificates.client()
    settings = [certificates.put(file, DEFAULT) for file in ("one", "two")]
    async with served(settings[0]) as one, served(settings[1]) as two:
        with structlog.testing.capture_logs() as entries:
            for file in ("one", "two"):
                certificates.put(file, "renewed.example.org")
            os.kill(os.getpid(), signal.SIGHUP)
            await logged(CHANGED, entries, times=2)
        assert [await names_of(port, client) for port in (one, two)] == [
            {"renewed.example.org"},
            {"renewed.example.org"},
        ]


async def test_a_signal_has_even_unchanged_files_read_anew(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_every(NEVER, monkeypatch)
    async with served(certificates.put("default", DEFAULT)):
        with structlog.testing.capture_logs() as entries:
            os.kill(os.getpid(), signal.SIGHUP)
            await logged(CHANGED, entries)

    assert entries[0]["names"] == [DEFAULT]


async def test_a_signal_leaves_a_listener_without_certificates_running() -> None:
    application = web.Application()
    async with listening([Listener(application, ListenSettings(port=free_ports(1)[0]))]):
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0.05)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


@pytest.mark.parametrize("content", ["", "no certificate", None])
async def test_a_broken_file_leaves_the_old_certificate(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    look_every(0.05, monkeypatch)
    default = certificates.put("default", DEFAULT)
    async with served(default) as port:
        with structlog.testing.capture_logs() as entries:
            if content is None:
                default.certificate.unlink()
            else:
                default.certificate.write_text(content)
            await logged(UNFIT, entries)

        assert await names_of(port, certificates.client()) == {DEFAULT}


async def test_trouble_is_told_once_until_it_is_over(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_every(0.02, monkeypatch)
    default = certificates.put("default", DEFAULT)
    async with served(default):
        with structlog.testing.capture_logs() as entries:
            default.certificate.write_text("no certificate")
            await logged(UNFIT, entries)
            # Many looks.
            await asyncio.sleep(0.5)
            look_every(NEVER, monkeypatch)
            told = [entry["event"] for entry in entries]
    assert told == [UNFIT]


async def test_a_broken_certificate_does_not_keep_others_from_being_renewed(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_every(NEVER, monkeypatch)
    default = certificates.put("default", DEFAULT)
    video = certificates.put("video", "video.example.org")
    async with served(default, video) as port:
        with structlog.testing.capture_logs() as entries:
            default.certificate.write_text("no certificate")
            certificates.put("video", "video.example.org", "renewed.example.org")
            os.kill(os.getpid(), signal.SIGHUP)
            await logged(UNFIT, entries)

        got = await names_of(port, certificates.client(), "video.example.org")
    assert "renewed.example.org" in got


async def test_a_key_of_another_kind_replaces_the_old_one(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_every(NEVER, monkeypatch)
    rsa_only = certificates.client(TLS12)
    rsa_only.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    default = certificates.put("default", DEFAULT, kind=trustme.KeyType.RSA)
    async with served(default) as port:
        assert await names_of(port, rsa_only) == {DEFAULT}
        with structlog.testing.capture_logs() as entries:
            certificates.put("default", DEFAULT, kind=trustme.KeyType.ECDSA)
            os.kill(os.getpid(), signal.SIGHUP)
            await logged(CHANGED, entries)

        with pytest.raises(ssl.SSLError, match=REFUSED):
            await connect(port, rsa_only)
        assert await names_of(port, certificates.client(TLS12)) == {DEFAULT}


async def test_tls_1_1_is_refused(certificates: Certificates) -> None:
    with warnings.catch_warnings():
        # The client's own library calls it old as well.
        warnings.simplefilter("ignore", DeprecationWarning)
        client = certificates.client(ssl.TLSVersion.TLSv1_1)
    client.set_ciphers("ALL:@SECLEVEL=0")
    async with served(certificates.put("default", DEFAULT)) as port:
        with pytest.raises(ssl.SSLError, match=REFUSED):
            await connect(port, client)
        client.maximum_version = TLS12
        assert await names_of(port, client) == {DEFAULT}


async def test_aes_128_comes_first_in_tls_1_3_though_the_client_prefers_aes_256(
    certificates: Certificates,
) -> None:
    client = certificates.client()
    assert client.get_ciphers()[0]["name"] == "TLS_AES_256_GCM_SHA384"
    async with served(certificates.put("default", DEFAULT)) as port:
        connection = await connect(port, client)
        with connection.socket as connected:
            assert connected.cipher() == ("TLS_AES_128_GCM_SHA256", "TLSv1.3", 128)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("AES256-GCM-SHA384 CHACHA20-POLY1305 AES128-GCM-SHA256", "AES128-GCM-SHA256"),
        ("AES256-GCM-SHA384 CHACHA20-POLY1305", "CHACHA20-POLY1305"),
        ("AES256-GCM-SHA384", "AES256-GCM-SHA384"),
    ],
)
@pytest.mark.parametrize("kind", [trustme.KeyType.ECDSA, trustme.KeyType.RSA])
async def test_aes_128_comes_first_in_tls_1_2_whatever_the_client_prefers(
    certificates: Certificates, offered: str, chosen: str, kind: trustme.KeyType
) -> None:
    client = certificates.client(TLS12)
    client.set_ciphers(":".join(f"ECDHE-{kind.name}-{cipher}" for cipher in offered.split()))
    async with served(certificates.put("default", DEFAULT, kind=kind)) as port:
        connection = await connect(port, client)
        with connection.socket as connected:
            cipher = connected.cipher()
    assert cipher is not None
    assert cipher[0] == f"ECDHE-{kind.name}-{chosen}"


@pytest.mark.parametrize(
    "offered", ["AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256"]
)
async def test_ciphers_without_forward_secrecy_or_authenticated_encryption_are_refused(
    certificates: Certificates, offered: str
) -> None:
    client = certificates.client(TLS12)
    client.set_ciphers(offered)
    default = certificates.put("default", DEFAULT, kind=trustme.KeyType.RSA)
    async with served(default) as port:
        with pytest.raises(ssl.SSLError, match=REFUSED):
            await connect(port, client)
        client.set_ciphers(f"{offered}:ECDHE-RSA-AES128-GCM-SHA256")
        assert await names_of(port, client) == {DEFAULT}


async def is_resumed(
    ports: tuple[int, int],
    client: ssl.SSLContext,
    name: str | None = None,
) -> bool:
    """Whether the session of a connection to one port is resumed at the other."""
    first = await connect(ports[0], client, name)
    with first.socket as connected:
        session = connected.session
    assert not connected.session_reused
    second = await connect(ports[1], client, name, session)
    with second.socket as connected:
        return bool(connected.session_reused)


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("name", [None, DEFAULT, "video.example.org"])
async def test_sessions_are_resumed(
    certificates: Certificates, version: ssl.TLSVersion, name: str | None
) -> None:
    video = certificates.put("video", "video.example.org")
    async with served(certificates.put("default", DEFAULT), video) as port:
        assert await is_resumed((port, port), certificates.client(version), name)


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("name", [None, "video.example.org"])
async def test_sessions_are_resumed_after_a_reload(
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    version: ssl.TLSVersion,
    name: str | None,
) -> None:
    look_every(NEVER, monkeypatch)
    client = certificates.client(version)
    video = certificates.put("video", "video.example.org")
    async with served(certificates.put("default", DEFAULT), video) as port:
        first = await connect(port, client, name)
        with first.socket as connected:
            session = connected.session
        with structlog.testing.capture_logs() as entries:
            for file, renewed in (("default", DEFAULT), ("video", "video.example.org")):
                certificates.put(file, renewed)
            os.kill(os.getpid(), signal.SIGHUP)
            await logged(CHANGED, entries)
        second = await connect(port, client, name, session)
        with second.socket as connected:
            assert connected.session_reused


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("name", [None, "video.example.org"])
async def test_listeners_with_one_secret_resume_each_others_sessions(
    certificates: Certificates, version: ssl.TLSVersion, name: str | None
) -> None:
    default = certificates.put("default", DEFAULT)
    video = certificates.put("video", "video.example.org")
    secret = os.urandom(32)
    async with (
        served(default, video, secret=secret) as one,
        served(default, video, secret=secret) as two,
    ):
        assert await is_resumed((one, two), certificates.client(version), name)


@pytest.mark.parametrize("secrets", [(b"one", b"two"), (b"", b"")])
async def test_listeners_without_one_secret_do_not_resume_each_others_sessions(
    certificates: Certificates, secrets: tuple[bytes, bytes]
) -> None:
    default = certificates.put("default", DEFAULT)
    async with served(default, secret=secrets[0]) as one, served(default, secret=secrets[1]) as two:
        assert not await is_resumed((one, two), certificates.client())


async def test_an_expired_certificate_is_told_at_the_start(certificates: Certificates) -> None:
    expired = certificates.put("default", DEFAULT, until=datetime.now(UTC) - timedelta(days=1))

    with pytest.raises(SettingsInvalid, match=r"default\.pem: certificate: a certificate that is"):
        async with served(expired):
            pass


async def test_a_certificate_with_the_key_of_another_is_told_at_the_start(
    certificates: Certificates,
) -> None:
    default = certificates.put("default", DEFAULT)
    video = certificates.put("video", "video.example.org")
    mixed = CertificateSettings(certificate=video.certificate, key=default.key)

    with pytest.raises(SettingsInvalid, match=r"video\.pem: .*default\.key.*MISMATCH"):
        async with served(default, mixed):
            pass

"""Certificates of listeners, without sockets: settings, and a Python that hides its OpenSSL."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from common.errors import SettingsInvalid
from common.service import ListenSettings
from common.service import tls as tls_module
from common.service.tls import CertificateSettings, ServerCertificates
from common.settings import check, load

UNREACHED = "OpenSSL keeps its own order of ciphers and its own ticket keys"


@pytest.fixture
def wrong_address(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As with a Python whose contexts are laid out in another way."""
    monkeypatch.setattr(tls_module, "_address", lambda _: 16)
    tls_module._openssl.cache_clear()
    yield
    tls_module._openssl.cache_clear()


def certificate(folder: Path, authority: trustme.CA) -> CertificateSettings:
    file = folder / "server.pem"
    authority.issue_cert("example.org").private_key_and_cert_chain_pem.write_to_path(str(file))
    return CertificateSettings(certificate=file)


def ciphers(certificates: ServerCertificates) -> list[str]:
    return [cipher["name"] for cipher in certificates.context.get_ciphers()]


def test_ciphers_are_those_we_name_in_our_order(tmp_path: Path, authority: trustme.CA) -> None:
    found = ciphers(ServerCertificates([certificate(tmp_path, authority)]))

    assert found == [*tls_module.SUITES, *tls_module.CIPHERS]


@pytest.mark.usefixtures("wrong_address")
def test_openssl_keeps_its_order_where_its_contexts_are_not_found(
    tmp_path: Path, authority: trustme.CA
) -> None:
    found = ciphers(ServerCertificates([certificate(tmp_path, authority)], ticket_secret=b"secret"))

    assert found[0] == "TLS_AES_256_GCM_SHA384"


@pytest.mark.usefixtures("wrong_address")
def test_contexts_that_are_not_found_are_told_once(tmp_path: Path, authority: trustme.CA) -> None:
    with structlog.testing.capture_logs() as entries:
        for _ in range(2):
            ServerCertificates([certificate(tmp_path, authority)])

    assert [entry["event"] for entry in entries] == [UNREACHED]


def test_the_password_of_a_key_is_not_asked_for(tmp_path: Path, authority: trustme.CA) -> None:
    settings = certificate(tmp_path, authority)
    key = load_pem_private_key(settings.certificate.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )

    with pytest.raises(SettingsInvalid, match=r"its key in .*locked\.key, in PEM"):
        ServerCertificates([CertificateSettings(certificate=settings.certificate, key=locked)])


def test_a_reload_raises_what_is_wrong(tmp_path: Path, authority: trustme.CA) -> None:
    settings = certificate(tmp_path, authority)
    certificates = ServerCertificates([settings])
    settings.certificate.write_text("no certificate")

    with pytest.raises(SettingsInvalid, match=r"server\.pem: certificate: a certificate chain"):
        certificates.reload()


def test_handshakes_begin_in_the_same_context_after_a_reload(
    tmp_path: Path, authority: trustme.CA
) -> None:
    certificates = ServerCertificates([certificate(tmp_path, authority)])
    before: ssl.SSLContext = certificates.context
    certificates.reload()

    assert certificates.context is before


def test_settings_with_certificates_for_names_need_one_for_all_others() -> None:
    with pytest.raises(SettingsInvalid, match="for clients that name no server"):
        check(
            {"port": 8443, "certificates": [{"certificate": "video.pem"}]},
            ListenSettings,
            source="edge.toml",
        )


def test_files_of_certificates_are_beside_the_file_of_settings(tmp_path: Path) -> None:
    settings = tmp_path / "listen.toml"
    settings.write_text(
        'port = 8443\ncertificate = "default.pem"\n[[certificates]]\ncertificate = "video.pem"\n'
    )

    assert load(settings, ListenSettings).certificates[0].certificate == tmp_path / "video.pem"

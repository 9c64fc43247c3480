"""The local certificate authority: made once, valid for this machine, never overwritten."""

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from deploy.up.authority import certificates
from deploy.up.geography import edge_hosts
from deploy.up.home import HomeDamaged


def test_the_second_call_finds_what_the_first_one_made(tmp_path: Path) -> None:
    first = certificates(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    assert certificates(tmp_path) == first
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_certificate_is_for_loopback_addresses(tmp_path: Path) -> None:
    files = certificates(tmp_path)

    leaf = x509.load_pem_x509_certificates(files.chain.read_bytes())[0]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    addresses = [str(each) for each in names.get_values_for_type(x509.IPAddress)]
    assert addresses == ["127.0.0.1", "::1", *edge_hosts().values()]


def test_chain_and_key_belong_together(tmp_path: Path) -> None:
    files = certificates(tmp_path)

    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.chain, files.key)


def test_a_lost_server_certificate_is_issued_anew_by_the_same_authority(tmp_path: Path) -> None:
    files = certificates(tmp_path)
    authority = files.ca.read_bytes()
    files.chain.unlink()

    certificates(tmp_path)

    assert files.ca.read_bytes() == authority
    issuer = x509.load_pem_x509_certificate(authority)
    x509.load_pem_x509_certificates(files.chain.read_bytes())[0].verify_directly_issued_by(issuer)


def test_a_certificate_for_fewer_addresses_is_issued_anew(tmp_path: Path) -> None:
    files = certificates(tmp_path)
    before, authority = files.chain.read_bytes(), files.ca.read_bytes()
    issued = trustme.CA().issue_cert("localhost", "127.0.0.1", "::1")
    files.chain.write_bytes(issued.cert_chain_pems[0].bytes())
    certificates(tmp_path)

    assert files.ca.read_bytes() == authority
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.chain, files.key)
    assert len(files.chain.read_bytes()) == pytest.approx(len(before), abs=16)


def test_keys_are_for_the_owner_alone(tmp_path: Path) -> None:
    files = certificates(tmp_path)

    assert files.key.stat().st_mode & 0o077 == 0
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0


def test_a_damaged_authority_is_told(tmp_path: Path) -> None:
    files = certificates(tmp_path)
    files.ca.write_text("no certificate")
    files.chain.unlink()

    with pytest.raises(HomeDamaged, match=r"ca\.pem is damaged"):
        certificates(tmp_path)

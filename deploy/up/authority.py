"""The local certificate authority: made once per home, so that all of it speaks HTTPS."""

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography import x509

from common.service import write_atomically
from deploy.up.geography import edge_hosts
from deploy.up.home import HomeDamaged

NAMES = ("localhost", "127.0.0.1", "::1", *edge_hosts().values())


@dataclass(frozen=True)
class Certificates:
    """Files of the local authority and of the certificate that every role serves with."""

    ca: Path
    """The authority's certificate: what clients must trust. PEM."""
    chain: Path
    """The servers' certificate chain. PEM."""
    key: Path
    """Its private key. PEM."""


def certificates(folder: Path) -> Certificates:
    """The authority in ``folder`` and a certificate of it for this machine; made when missing.

    Raises:
        HomeDamaged: the authority's files are no PEM.
    """
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority_key = folder / "ca.key"
    if files.ca.exists() and authority_key.exists():
        if files.key.exists() and _names(files.chain) >= set(NAMES):
            return files
        try:
            authority = trustme.CA.from_pem(files.ca.read_bytes(), authority_key.read_bytes())
        except ValueError as error:
            raise HomeDamaged(file=files.ca, reason=str(error)) from error
    else:
        authority = trustme.CA(
            organization_name="Nearcast local authority", organization_unit_name=str(folder)[-60:]
        )
        write_atomically(authority_key, authority.private_key_pem.bytes())
        write_atomically(files.ca, authority.cert_pem.bytes())
    issued = authority.issue_cert(*NAMES, organization_name="Nearcast")
    write_atomically(files.key, issued.private_key_pem.bytes())
    write_atomically(files.chain, b"".join(part.bytes() for part in issued.cert_chain_pems))
    return files


def _names(chain: Path) -> set[str]:
    """What the first certificate of a file is for; nothing when there is none: one that was made
    when there were fewer edges is made anew."""
    try:
        leaf = x509.load_pem_x509_certificates(chain.read_bytes())[0]
        told = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return set()
    return {
        *told.get_values_for_type(x509.DNSName),
        *map(str, told.get_values_for_type(x509.IPAddress)),
    }

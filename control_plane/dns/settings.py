"""The settings of the DNS answers."""

from ipaddress import ip_address
from typing import Annotated

import msgspec

LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST_NAME = rf"^{LABEL}(?:\.{LABEL})*\.?\Z"

HostName = Annotated[str, msgspec.Meta(pattern=HOST_NAME, max_length=189)]
"""The name of a zone or of a host; below it a label of 63 octets has room (RFC 1035 §2.3.4)."""


class NameServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A server that answers for the zone."""

    name: Annotated[
        HostName,
        msgspec.Meta(
            description="Its name, as the parent zone delegates to it.",
            extra={"example": "ns1.play.example.org"},
        ),
    ]
    addresses: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="Its IPv4 and IPv6 addresses, which are told where its name is in the "
            "zone.",
            max_length=8,
            extra={"example": ("192.0.2.53",)},
        ),
    ] = ()

    def __post_init__(self) -> None:
        _check_addresses(self.addresses)


class DnsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where DNS is answered, and for which zone."""

    addresses: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="Addresses to listen on, over UDP and TCP. On a machine that has several, "
            "name them: from 0.0.0.0 an answer may leave with another than was asked.",
            min_length=1,
            max_length=16,
            extra={"example": ("192.0.2.53", "2001:db8::53")},
        ),
    ] = ("127.0.0.1",)
    port: Annotated[
        int, msgspec.Meta(description="UDP and TCP port to listen on.", ge=1, le=65535)
    ] = 53
    zone: Annotated[
        HostName,
        msgspec.Meta(
            description="The zone: ASSET.ZONE is the edge that an asset is played from, and ZONE "
            "one that takes viewers of anything.",
            extra={"example": "play.example.org"},
        ),
    ]
    name_servers: Annotated[
        tuple[NameServerSettings, ...],
        msgspec.Meta(description="The zone's servers, this one included.", min_length=1),
    ]
    contact: Annotated[
        str,
        msgspec.Meta(
            description="Mail address of who looks after the zone.",
            pattern=rf"^[A-Za-z0-9_+-]{{1,63}}@{LABEL}(?:\.{LABEL})*\Z",
            max_length=189,
            extra={"example": "hostmaster@example.org"},
        ),
    ]
    ttl: Annotated[
        int,
        msgspec.Meta(
            description="How long resolvers keep where an edge is: as long a viewer may be sent to "
            "one that is gone.",
            ge=0,
            le=3600,
            extra={"unit": "seconds"},
        ),
    ] = 20
    negative_ttl: Annotated[
        int,
        msgspec.Meta(
            description="How long resolvers keep that there is no such asset.",
            ge=0,
            le=3600,
            extra={"unit": "seconds"},
        ),
    ] = 10
    responses_per_second: Annotated[
        int,
        msgspec.Meta(
            description="Answers over UDP to one network (IPv4 /24, IPv6 /56), whose address may "
            "be forged; what asks more is told to come over TCP.",
            ge=1,
            le=1_000_000,
            extra={"unit": "answers per second"},
        ),
    ] = 500

    def __post_init__(self) -> None:
        _check_addresses(self.addresses)


def _check_addresses(texts: tuple[str, ...]) -> None:
    for text in texts:
        ip_address(text)

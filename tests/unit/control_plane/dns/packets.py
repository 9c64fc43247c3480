"""Queries and edges that the tests of DNS are about."""

from typing import Any

import dns.edns
import dns.message

from control_plane.dns.settings import DnsSettings, NameServerSettings
from control_plane.routing import EdgeFacts

ZONE = "play.example.org"


def settings(**changes: Any) -> DnsSettings:
    given: dict[str, Any] = {
        "zone": ZONE,
        "name_servers": (
            NameServerSettings(name=f"ns1.{ZONE}", addresses=("192.0.2.53", "2001:db8::53")),
            NameServerSettings(name="ns2.example.net"),
        ),
        "contact": "hostmaster@example.org",
    }
    return DnsSettings(**{**given, **changes})


def edge(name: str, url: str, *, holds: bool = True) -> EdgeFacts:
    return EdgeFacts(name, name.split("-", maxsplit=1)[0], url, holds)


def asked(name: str, kind: str = "A", **options: Any) -> bytes:
    return dns.message.make_query(name, kind, id=4711, **options).to_wire()


def on_behalf_of(network: str, bits: int, **options: Any) -> dict[str, Any]:
    """Options of a query that a resolver asks for a client in a network."""
    subnet = dns.edns.ECSOption(network, bits)
    return {"use_edns": 0, "payload": 1232, "options": [subnet], **options}

"""The zone: which names it has, and what is said of each. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

import dns.exception
import dns.name
import dns.rdata
from dns.edns import EDECode
from dns.rcode import Rcode
from dns.rdataclass import IN
from dns.rdatatype import RdataType

from control_plane.dns.answer import Answer, Records
from control_plane.dns.query import Question
from control_plane.dns.settings import DnsSettings
from control_plane.routing import EdgeFacts

MOST_ADDRESSES: Final = 3
"""Edges in one answer: clients try another when one does not answer."""
IP_VERSION: Final[Mapping[int, int]] = {RdataType.A: 4, RdataType.AAAA: 6}
STATIC_TTL: Final = 3600
"""Seconds that resolvers keep what only settings change."""
REFRESH, RETRY, EXPIRE = 3600, 600, 86400
"""Seconds; they are for secondary servers (RFC 1035 §3.3.13), which a zone without transfer has
not."""


@dataclass(frozen=True, slots=True)
class Apex:
    """The zone's own name."""


@dataclass(frozen=True, slots=True)
class Label:
    """A name right below the zone's: perhaps an asset's."""

    text: str
    """In lower case."""


@dataclass(frozen=True, slots=True)
class NameServer:
    """One of the zone's servers."""

    addresses: Sequence[str]


@dataclass(frozen=True, slots=True)
class Nothing:
    """A name that the zone cannot have."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A name of another zone."""


Meaning = Apex | Label | NameServer | Nothing | Elsewhere


@lru_cache(4096)
def host_of(url: str) -> IPv4Address | IPv6Address | dns.name.Name | None:
    """The address or the name in an edge's URL; None where DNS cannot have it."""
    try:
        host = urlsplit(url).hostname or ""
        try:
            return ip_address(host)
        except ValueError:
            name = dns.name.from_text(host)
    except (ValueError, dns.exception.DNSException):
        return None
    return name if len(name) > 1 else None


class Zone:
    """What the settings say of the zone."""

    def __init__(self, settings: DnsSettings) -> None:
        self.apex = dns.name.from_text(settings.zone)
        self._depth = len(self.apex)
        self._ttl = settings.ttl
        self._servers = {
            dns.name.from_text(server.name): server.addresses for server in settings.name_servers
        }
        self._hosts: dict[dns.name.Name, Sequence[str]] = dict(self._servers)
        for name in self._servers:
            if name.is_subdomain(self.apex):
                # What stands between it and the zone is there, too (RFC 8020).
                for depth in range(self._depth + 1, len(name)):
                    self._hosts.setdefault(name.split(depth)[1], ())
        box, _, domain = settings.contact.partition("@")
        contact = dns.name.Name((box.encode(), *dns.name.from_text(domain).labels))
        numbers = f"1 {REFRESH} {RETRY} {EXPIRE} {settings.negative_ttl}"
        soa = f"{next(iter(self._servers))} {contact} {numbers}"
        self._soa = _records(self.apex, settings.negative_ttl, RdataType.SOA, [soa])
        self._ns = _records(self.apex, STATIC_TTL, RdataType.NS, map(str, self._servers))

    def meaning(self, name: dns.name.Name) -> Meaning:
        """What a name is in the zone."""
        if not name.is_subdomain(self.apex):
            return Elsewhere()
        if len(name) == self._depth:
            return Apex()
        addresses = self._hosts.get(name)
        if addresses is not None:
            return NameServer(addresses)
        if len(name) > self._depth + 1:
            return Nothing()
        label = name.labels[0]
        return Label(label.decode().lower()) if label.isascii() else Nothing()

    def refused(self) -> Answer:
        """Another zone's names are asked elsewhere."""
        return Answer(Rcode.REFUSED, authoritative=False, why=EDECode.NOT_AUTHORITATIVE)

    def no_such_name(self, why: EDECode | None = None, *, tailored: bool = False) -> Answer:
        """There is no such name (RFC 2308 §2.1); ``tailored`` where others may be told of it."""
        return Answer(Rcode.NXDOMAIN, authority=[self._soa], tailored=tailored, why=why)

    def no_data(self, *, tailored: bool = False) -> Answer:
        """The name has no record of the type that is asked for (RFC 2308 §2.2)."""
        return Answer(authority=[self._soa], tailored=tailored)

    def of_itself(self, question: Question) -> Answer | None:
        """What the zone says of its own name; None where that are edges."""
        match question.kind:
            case RdataType.SOA:
                return Answer(answers=[self._soa])
            case RdataType.NS:
                additional = [
                    records
                    for name, addresses in self._servers.items()
                    if name.is_subdomain(self.apex)
                    for kind in (RdataType.A, RdataType.AAAA)
                    if (records := _addresses(name, kind, addresses, STATIC_TTL)) is not None
                ]
                return Answer(answers=[self._ns], additional=additional)
            case RdataType.A | RdataType.AAAA:
                return None
        return self.other(question)

    def of_server(self, question: Question, server: NameServer) -> Answer:
        """Where a server of the zone is."""
        found = _addresses(question.name, question.kind, server.addresses, STATIC_TTL)
        return Answer(answers=[found]) if found is not None else self.other(question)

    def other(self, question: Question) -> Answer:
        """What is said of a type that a name does not have. Who asks for all gets as little as
        there may be (RFC 8482 §4.2)."""
        if question.kind == RdataType.ANY:
            least = _records(question.name, STATIC_TTL, RdataType.HINFO, ['"RFC8482" ""'])
            return Answer(answers=[least])
        return self.no_data()

    def of_edges(
        self, question: Question, ranked: Sequence[EdgeFacts], *, alias: bool = True
    ) -> Answer:
        """Where ``ranked`` edges are, the best first.

        The best decides: one with a name is told as an alias, alone, whatever is asked for (RFC
        1034 §3.6.2); one with an address together with others of its region that hold as much,
        as resolvers shuffle addresses, and nobody is sent far away by chance.

        Args:
            question: what is asked.
            ranked: edges that take the viewer.
            alias: whether the name may be one: the zone's own may not (RFC 1912 §2.4).
        """
        hosts = [(edge, host) for edge in ranked if (host := self._usable(edge, alias=alias))]
        if not hosts:
            return self.no_data(tailored=True)
        _, first = hosts[0]
        if isinstance(first, dns.name.Name):
            target = _records(question.name, self._ttl, RdataType.CNAME, [str(first)])
            return Answer(answers=[target], tailored=True)
        version = IP_VERSION.get(question.kind)
        if version is None:
            return self.other(question)
        fitting = [
            (edge, str(host))
            for edge, host in hosts
            if not isinstance(host, dns.name.Name) and host.version == version
        ]
        beside = [
            address
            for edge, address in fitting
            if (edge.region, edge.holds) == (fitting[0][0].region, fitting[0][0].holds)
        ]
        found = _addresses(question.name, question.kind, beside[:MOST_ADDRESSES], self._ttl)
        if found is None:
            return self.no_data(tailored=True)
        return Answer(answers=[found], tailored=True)

    def _usable(
        self, edge: EdgeFacts, *, alias: bool
    ) -> IPv4Address | IPv6Address | dns.name.Name | None:
        host = host_of(edge.url)
        # An alias of a name in this zone would lead to nothing.
        if isinstance(host, dns.name.Name) and (not alias or host.is_subdomain(self.apex)):
            return None
        return host


def _addresses(
    name: dns.name.Name, kind: int, addresses: Iterable[str], ttl: int
) -> Records | None:
    """Those of ``addresses`` that are of type ``kind``, A or AAAA."""
    version = IP_VERSION.get(kind)
    told = [text for text in addresses if _version(text) == version]
    return _records(name, ttl, RdataType(kind), told) if told else None


def _records(name: dns.name.Name, ttl: int, kind: RdataType, texts: Iterable[str]) -> Records:
    return Records(name, kind, ttl, [_data(kind, text) for text in texts])


@lru_cache(4096)
def _version(text: str) -> int:
    return ip_address(text).version


@lru_cache(4096)
def _data(kind: RdataType, text: str) -> bytes:
    return dns.rdata.from_text(IN, kind, text).to_wire() or b""

"""What a packet asks: header and question (RFC 1035 §4.1), EDNS (RFC 6891), and in it the client's
network (RFC 7871). Pure."""

import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import dns.edns
import dns.exception
import dns.flags
import dns.name
import dns.opcode
import dns.rdataclass
import dns.rdatatype
import dns.wire
from dns.rcode import Rcode

HEADER: Final = struct.Struct("!HHHHHH")
OPCODE: Final = 0x7800
ROOT: Final = dns.name.root
COARSEST: Final = {4: 24, 6: 56}
"""Bits of a client's address that count, by IP version: RFC 7871 §11.1 recommends no more."""
MAPPED: Final = 96
"""Bits before an IPv4 address that is written as one of IPv6 (RFC 4291 §2.5.5.2)."""
SUBNET: Final = struct.Struct("!HBB")
"""Family, bits of the address that are told, and bits that count."""
FAMILIES: Final[dict[int, tuple[type[IPv4Address | IPv6Address], int]]] = {
    1: (IPv4Address, 32),
    2: (IPv6Address, 128),
}
"""Kinds of addresses and their bits, by number (RFC 7871 §6)."""
NO_CLIENT: Final = b"\x00\x00\x00\x00"
"""A client subnet of no family and no bits, with which some clients ask that none be told."""
QR, TC, DO = int(dns.flags.QR), int(dns.flags.TC), int(dns.flags.DO)
KEPT: Final = OPCODE | int(dns.flags.RD | dns.flags.CD)
"""What of a query's header its answer repeats."""


@dataclass(frozen=True, slots=True)
class Subnet:
    """The network of the client for whom a resolver asks."""

    address: IPv4Address | IPv6Address | None
    """Its first address; None where nothing is to be told of the client."""
    source: int
    """Bits of it that were told."""
    data: bytes = NO_CLIENT
    """The option as it came."""

    @property
    def scope(self) -> int:
        """Bits of it that an answer goes by, and for all clients within which it is right."""
        if self.address is None:
            return 0
        version = unmapped(self.address).version
        mapped = MAPPED if version != self.address.version and self.source >= MAPPED else 0
        return min(self.source, mapped + COARSEST[version if mapped else self.address.version])

    @property
    def client(self) -> IPv4Address | IPv6Address | None:
        """The address that stands for the network; None where nothing was told of the client."""
        if self.address is None or self.source == 0:
            return None
        rest = self.address.max_prefixlen - self.scope
        return unmapped(type(self.address)(int(self.address) >> rest << rest))

    def option(self, scope: int) -> bytes:
        """What tells a resolver that the answer is right for so many bits (RFC 7871 §7.2.1)."""
        family, source, _ = SUBNET.unpack_from(self.data)
        return SUBNET.pack(family, source, scope) + self.data[SUBNET.size :]


@dataclass(frozen=True, slots=True)
class Edns:
    """What a client tells of itself (RFC 6891 §6.1.2)."""

    payload: int
    """Octets of a UDP answer that it can take."""
    version: int
    dnssec_ok: bool
    subnet: Subnet | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; its name is as it was written, capitals included."""

    name: dns.name.Name
    kind: int
    """The type of record (QTYPE)."""
    kind_class: int


@dataclass(frozen=True, slots=True)
class Query:
    """A packet that gets an answer."""

    number: int
    """By which the client knows the answer again."""
    flags: int
    """Of its header, those that an answer repeats: opcode, RD and CD."""
    question: Question | None
    """None where it cannot be read."""
    edns: Edns | None = None
    rcode: Rcode = field(default=Rcode.NOERROR)
    """What is wrong with it, or NOERROR."""


def read(packet: bytes) -> Query | None:
    """What ``packet`` asks; None for what no answer must be sent to: an answer, or too little.

    The header is looked at first: no message whose records are many, or that is no query, costs
    more than that.
    """
    if len(packet) < HEADER.size:
        return None
    number, flags, questions, answers, authorities, additionals = HEADER.unpack_from(packet)
    if flags & QR:
        return None
    kept = flags & KEPT
    if flags & OPCODE != dns.opcode.QUERY << 11:
        return Query(number, kept, None, rcode=Rcode.NOTIMP)
    if questions != 1 or answers or authorities or additionals > 1 or flags & TC:
        return Query(number, kept, None, rcode=Rcode.FORMERR)
    parser = dns.wire.Parser(packet, HEADER.size)
    question = None
    try:
        question = Question(parser.get_name(), *parser.get_struct("!HH"))
        edns = _edns(parser) if additionals else None
        if parser.remaining():
            raise dns.exception.FormError
    except (dns.exception.DNSException, struct.error):
        return Query(number, kept, question, rcode=Rcode.FORMERR)
    rcode = Rcode.BADVERS if edns is not None and edns.version else Rcode.NOERROR
    return Query(number, kept, question, edns, rcode)


def _edns(parser: dns.wire.Parser) -> Edns:
    """The OPT record that ``parser`` stands before.

    Raises:
        DNSException: it is broken, or another record.
        struct.error: the client subnet in it is none.
    """
    owner = parser.get_name()
    kind, payload, flags, length = parser.get_struct("!HHIH")
    if owner != ROOT or kind != dns.rdatatype.OPT:
        raise dns.exception.FormError
    version = flags >> 16 & 0xFF
    subnet = None
    with parser.restrict_to(length):
        while parser.remaining():
            code, size = parser.get_struct("!HH")
            data = parser.get_bytes(size)
            # What options another version has, this one does not know.
            if code == dns.edns.OptionType.ECS and version == 0:
                if subnet is not None:
                    raise dns.exception.FormError
                subnet = _subnet(data)
    return Edns(payload, version, bool(flags & DO), subnet)


def _subnet(data: bytes) -> Subnet:
    """The client subnet option with this content (RFC 7871 §6).

    Raises:
        DNSException: it is too short or too long, has bits set that are not told, or is of an
            unknown family.
        struct.error: it is too short for anything.
    """
    if data == NO_CLIENT:
        return Subnet(None, 0)
    family, source, scope = SUBNET.unpack_from(data)
    kind, bits = FAMILIES.get(family, (IPv4Address, -1))
    told = data[SUBNET.size :]
    number = int.from_bytes(told, "big") << max(bits - 8 * len(told), 0)
    beyond = number & (1 << max(bits - source, 0)) - 1
    if source > bits or scope or len(told) != (source + 7) // 8 or beyond:
        raise dns.exception.FormError
    return Subnet(kind(number), source, data)


def unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """``address``, or the IPv4 address that it stands for (RFC 4291 §2.5.5.2)."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address

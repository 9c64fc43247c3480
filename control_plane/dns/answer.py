"""What a query is answered, and the packet that says so (RFC 1035 §4.1, RFC 6891). Pure."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import dns.edns
import dns.flags
import dns.name
import dns.rdatatype
from dns.edns import EDECode
from dns.rcode import Rcode
from dns.rdataclass import IN

from control_plane.dns.query import DO, HEADER, QR, TC, Query

LARGEST: Final = 1232
"""Octets of a packet that no network has to cut to pieces: IPv6's least, without its headers."""
WITHOUT_EDNS: Final = 512
"""Octets that every client takes (RFC 1035 §4.2.1)."""
LARGEST_OVER_TCP: Final = 65535
RECORD: Final = struct.Struct("!HHIH")
OPTION: Final = struct.Struct("!HH")
AA: Final = int(dns.flags.AA)
POINTER: Final = 0xC000
"""Marks the place of a name that stands in the packet already (RFC 1035 §4.1.4)."""


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one name and type."""

    owner: dns.name.Name
    kind: int
    ttl: int
    data: Sequence[bytes]
    """The content of each, as it stands in a packet."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said."""

    rcode: Rcode = Rcode.NOERROR
    answers: Sequence[Records] = ()
    authority: Sequence[Records] = ()
    additional: Sequence[Records] = ()
    """What is left out where there is no room for it."""
    authoritative: bool = True
    tailored: bool = False
    """Whether other clients may be told something else."""
    why: EDECode | None = None
    """More of what failed (RFC 8914), for clients that know EDNS."""


def room(query: Query) -> int:
    """Octets that an answer over UDP may have."""
    if query.edns is None:
        return WITHOUT_EDNS
    return max(WITHOUT_EDNS, min(query.edns.payload, LARGEST))


def render(query: Query, answer: Answer, *, most: int) -> bytes:
    """The packet that answers ``query``; where it would have more than ``most`` octets, one that
    only says so (TC): the client asks again over TCP."""
    asked, edns = _question(query), _edns(query, answer)
    answers, authority, additional = (
        [
            _record(query, records.owner, records.kind, records.ttl, each)
            for records in section
            for each in records.data
        ]
        for section in (answer.answers, answer.authority, answer.additional)
    )
    size = HEADER.size + sum(map(len, (asked, edns, *answers, *authority)))
    if size > most:
        return truncated(query, answer.rcode)
    if size + sum(map(len, additional)) > most:
        additional.clear()
    head = HEADER.pack(
        query.number,
        _flags(query, answer),
        bool(asked),
        len(answers),
        len(authority),
        len(additional) + bool(edns),
    )
    return b"".join((head, asked, *answers, *authority, *additional, edns))


def truncated(query: Query, rcode: Rcode = Rcode.NOERROR) -> bytes:
    """A packet of no more than the question and EDNS, that has the client ask over TCP."""
    cut = Answer(rcode)
    asked, edns = _question(query), _edns(query, cut)
    flags = _flags(query, cut) | TC
    return HEADER.pack(query.number, flags, bool(asked), 0, 0, bool(edns)) + asked + edns


def _flags(query: Query, answer: Answer) -> int:
    return QR | (AA if answer.authoritative else 0) | query.flags | answer.rcode & 0xF


def _question(query: Query) -> bytes:
    question = query.question
    if question is None:
        return b""
    return _plain(question.name) + struct.pack("!HH", question.kind, question.kind_class)


def _record(query: Query, owner: dns.name.Name, kind: int, ttl: int, data: bytes) -> bytes:
    return _name(query, owner) + RECORD.pack(kind, IN, ttl, len(data)) + data


def _name(query: Query, name: dns.name.Name) -> bytes:
    """``name``, where the question's ends with it by its place there."""
    asked = query.question.name if query.question is not None else None
    if asked is name or (asked is not None and asked.is_subdomain(name)):
        before = asked.labels[: len(asked.labels) - len(name.labels)]
        place = HEADER.size + sum(len(label) + 1 for label in before)
        return (POINTER | place).to_bytes(2, "big")
    return _plain(name)


def _plain(name: dns.name.Name) -> bytes:
    return b"".join(_counted(name.labels))


def _counted(labels: Iterable[bytes]) -> Iterable[bytes]:
    for label in labels:
        yield bytes((len(label),))
        yield label


def _edns(query: Query, answer: Answer) -> bytes:
    """The OPT record of an answer; none for a client that sent none."""
    if query.edns is None:
        return b""
    content = b""
    if (subnet := query.edns.subnet) is not None:
        data = subnet.option(subnet.scope if answer.tailored else 0)
        content = OPTION.pack(dns.edns.OptionType.ECS, len(data)) + data
    if answer.why is not None:
        content += OPTION.pack(dns.edns.OptionType.EDE, 2) + answer.why.to_bytes(2, "big")
    flags = (answer.rcode >> 4) << 24 | (DO if query.edns.dnssec_ok else 0)
    return b"\0" + RECORD.pack(dns.rdatatype.OPT, LARGEST, flags, len(content)) + content

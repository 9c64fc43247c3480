"""What packets ask, and which are none."""

import struct
from ipaddress import ip_address

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rdatatype
import pytest
from dns.rcode import Rcode
from hypothesis import given
from hypothesis import strategies as st

from control_plane.dns.answer import Answer, render, room
from control_plane.dns.query import Query, Subnet, read
from tests.unit.control_plane.dns.packets import asked, on_behalf_of

NAME = "a.play.example.org"


def certainly(packet: bytes) -> Query:
    query = read(packet)
    assert query is not None
    return query


def with_option(code: int, data: bytes) -> bytes:
    option = dns.edns.GenericOption(dns.edns.OptionType.make(code), data)
    return asked(NAME, use_edns=0, options=[option])


def test_a_question_keeps_its_capitals() -> None:
    query = certainly(asked("aBc.Play.example.ORG", "AAAA"))

    assert query.question is not None
    assert str(query.question.name) == "aBc.Play.example.ORG."
    assert query.question.kind == dns.rdatatype.AAAA
    assert query.number == 4711
    assert query.flags == dns.flags.RD
    assert query.rcode is Rcode.NOERROR
    assert query.edns is None


@pytest.mark.parametrize(
    "packet",
    [b"", b"x" * 11, dns.message.make_response(dns.message.make_query("a", "A")).to_wire()],
)
def test_what_is_no_query_gets_no_answer(packet: bytes) -> None:
    assert read(packet) is None


@pytest.mark.parametrize(
    "counts", [(0, 0, 0, 0), (2, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 2), (9, 9, 9, 9)]
)
def test_a_query_has_one_question_and_no_more_than_edns(counts: tuple[int, ...]) -> None:
    packet = asked(NAME)
    packet = packet[:4] + struct.pack("!HHHH", *counts) + packet[12:]

    assert certainly(packet).rcode is Rcode.FORMERR


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 6, 15])
def test_other_operations_are_not_implemented(opcode: int) -> None:
    packet = bytearray(asked(NAME))
    packet[2] |= opcode << 3
    query = certainly(bytes(packet))

    assert query.rcode is Rcode.NOTIMP
    answer = dns.message.from_wire(render(query, Answer(query.rcode), most=512))
    assert answer.opcode() == opcode


@pytest.mark.parametrize("cut", range(12, len(asked(NAME, use_edns=0))))
def test_a_query_that_is_cut_is_told_so(cut: int) -> None:
    assert certainly(asked(NAME, use_edns=0)[:cut]).rcode is Rcode.FORMERR


def test_what_comes_after_a_query_is_no_part_of_it() -> None:
    assert certainly(asked(NAME) + b"x").rcode is Rcode.FORMERR


def test_a_question_may_not_point_into_the_packet() -> None:
    packet = asked(NAME)[:12] + b"\xc0\x00" + struct.pack("!HH", 1, 1)

    assert certainly(packet).rcode is Rcode.FORMERR


def test_another_record_in_the_place_of_edns_is_an_error() -> None:
    packet = bytearray(asked(NAME, use_edns=0))
    packet[-10:-8] = struct.pack("!H", dns.rdatatype.A)

    assert certainly(bytes(packet)).rcode is Rcode.FORMERR


def test_another_version_of_edns_is_told_ours() -> None:
    packet = bytearray(asked(NAME, use_edns=0))
    packet[-5] = 1
    query = certainly(bytes(packet))

    assert query.rcode is Rcode.BADVERS
    answer = dns.message.from_wire(render(query, Answer(query.rcode), most=512))
    assert answer.rcode() == Rcode.BADVERS
    assert answer.edns == 0


@pytest.mark.parametrize(
    ("payload", "octets"), [(0, 512), (511, 512), (600, 600), (1232, 1232), (65535, 1232)]
)
def test_an_answer_over_udp_is_no_larger_than_networks_carry(payload: int, octets: int) -> None:
    assert room(certainly(asked(NAME, use_edns=0, payload=payload))) == octets


def test_without_edns_an_answer_has_512_octets() -> None:
    assert room(certainly(asked(NAME))) == 512


@pytest.mark.parametrize(
    ("network", "bits", "client", "scope"),
    [
        ("198.51.100.0", 24, "198.51.100.0", 24),
        ("198.51.96.0", 20, "198.51.96.0", 20),
        ("198.51.100.77", 32, "198.51.100.0", 24),
        ("2001:db8:1:200::", 56, "2001:db8:1:200::", 56),
        ("2001:db8:1:2ff::1", 128, "2001:db8:1:200::", 56),
        ("::ffff:198.51.100.7", 128, "198.51.100.0", 120),
        ("0.0.0.0", 0, None, 0),
        ("::", 0, None, 0),
    ],
)
def test_a_resolver_may_tell_its_clients_network(
    network: str, bits: int, client: str | None, scope: int
) -> None:
    query = certainly(asked(NAME, **on_behalf_of(network, bits)))

    assert query.edns is not None
    subnet = query.edns.subnet
    assert subnet is not None
    assert subnet.client == (ip_address(client) if client else None)
    assert subnet.scope == scope


def test_a_client_may_ask_that_nothing_be_told_of_it_in_no_family() -> None:
    query = certainly(with_option(dns.edns.OptionType.ECS, b"\0\0\0\0"))

    assert query.edns is not None
    assert query.edns.subnet == Subnet(None, 0)
    answer = render(query, Answer(tailored=True), most=512)
    assert answer.endswith(struct.pack("!HHBBBB", 8, 4, 0, 0, 0, 0))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\1\x18",
        b"\0\1\x18\0",
        b"\0\1\x18\0\xc6\x33",
        b"\0\1\x18\0\xc6\x33\x64\0",
        b"\0\1\x14\0\xc6\x33\x6f",
        b"\0\1\x21\0\xc6\x33\x64\0\0",
        b"\0\1\x18\x18\xc6\x33\x64",
        b"\0\2\x81\0" + bytes(17),
        b"\0\3\x08\0\1",
        b"\0\0\x08\0\1",
    ],
    ids=[
        "nothing",
        "no scope",
        "no address",
        "too few octets",
        "too many octets",
        "bits beyond what is told",
        "more bits than an address has",
        "a scope in a query",
        "more bits than IPv6 has",
        "an unknown family",
        "bits of no family",
    ],
)
def test_a_clients_network_that_is_none_is_an_error(data: bytes) -> None:
    query = certainly(with_option(dns.edns.OptionType.ECS, data))

    assert query.rcode is Rcode.FORMERR


def test_two_networks_of_one_client_are_an_error() -> None:
    option = dns.edns.ECSOption("198.51.100.0", 24)

    assert certainly(asked(NAME, use_edns=0, options=[option, option])).rcode is Rcode.FORMERR


def test_options_that_nobody_knows_change_nothing() -> None:
    query = certainly(with_option(65001, b"whatever"))

    assert query.rcode is Rcode.NOERROR


@given(st.binary(max_size=300))
def test_any_bytes_are_an_error_or_nothing_at_worst(packet: bytes) -> None:
    read(packet)


@given(
    st.integers(0, len(asked(NAME, **on_behalf_of("198.51.100.0", 24))) - 1), st.integers(0, 255)
)
def test_any_octet_of_a_query_may_be_another(place: int, octet: int) -> None:
    packet = bytearray(asked(NAME, **on_behalf_of("198.51.100.0", 24)))
    packet[place] = octet
    query = read(bytes(packet))

    if query is not None:
        render(query, Answer(query.rcode), most=room(query))

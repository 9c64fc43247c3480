"""The packets of answers, read back by dnspython."""

from typing import Any

import dns.flags
import dns.message
import dns.name
import pytest
from dns.edns import ECSOption, EDECode, EDEOption
from dns.rcode import Rcode
from dns.rdatatype import RdataType
from hypothesis import given
from hypothesis import strategies as st

from control_plane.dns.answer import Answer, Records, render, truncated
from control_plane.dns.query import Query, read
from tests.unit.control_plane.dns.packets import asked, on_behalf_of

APEX = dns.name.from_text("play.example.org")


def query(name: str = "aB.play.example.org", **options: Any) -> Query:
    found = read(asked(name, **options))
    assert found is not None
    return found


def addresses(count: int, owner: str = "aB.play.example.org") -> Records:
    name = dns.name.from_text(owner)
    return Records(name, RdataType.A, 20, [bytes((192, 0, 2, number)) for number in range(count)])


def test_an_answer_is_read_back_as_it_was_meant() -> None:
    server = dns.name.from_text("ns.example.net").to_digestable()
    alias = Records(APEX, RdataType.NS, 5, [server])
    glue = addresses(1, "ns.example.net")
    answer = Answer(answers=[addresses(2)], authority=[alias], additional=[glue])
    told = dns.message.from_wire(render(query(), answer, most=512))

    assert told.id == 4711
    assert told.flags == dns.flags.QR | dns.flags.AA | dns.flags.RD
    assert [str(each) for each in told.question] == ["aB.play.example.org. IN A"]
    assert told.answer[0].to_text().splitlines() == [
        "aB.play.example.org. 20 IN A 192.0.2.0",
        "aB.play.example.org. 20 IN A 192.0.2.1",
    ]
    assert told.authority[0].to_text() == "play.example.org. 5 IN NS ns.example.net."
    assert told.additional[0].to_text() == "ns.example.net. 20 IN A 192.0.2.0"
    assert told.edns == -1


@pytest.mark.parametrize(("tailored", "scope"), [(True, 20), (False, 0)])
def test_the_clients_network_is_told_back_with_what_it_counted(tailored: bool, scope: int) -> None:
    asking = query(**on_behalf_of("198.51.96.0", 20))
    told = dns.message.from_wire(render(asking, Answer(tailored=tailored), most=512))

    assert told.options == (ECSOption("198.51.96.0", 20, scope),)
    assert told.payload == 1232


def test_why_is_told_to_those_who_know_edns() -> None:
    answer = Answer(Rcode.SERVFAIL, why=EDECode.NOT_READY)

    told = dns.message.from_wire(render(query(use_edns=0, want_dnssec=True), answer, most=512))
    assert told.options == (EDEOption(EDECode.NOT_READY),)
    assert told.ednsflags & dns.flags.DO
    assert dns.message.from_wire(render(query(), answer, most=512)).options == ()


def test_what_has_no_room_is_to_be_asked_over_tcp() -> None:
    asking, answer = query(use_edns=0), Answer(answers=[addresses(40)])
    cut = dns.message.from_wire(render(asking, answer, most=512))

    assert cut.flags & dns.flags.TC
    assert (cut.answer, cut.edns) == ([], 0)
    whole = dns.message.from_wire(render(asking, answer, most=65535))
    assert len(whole.answer[0]) == 40
    assert not whole.flags & dns.flags.TC


def test_what_is_only_helpful_is_left_out_first() -> None:
    answer = Answer(answers=[addresses(2)], additional=[addresses(40, "ns.example.net")])
    told = dns.message.from_wire(render(query(), answer, most=512))

    assert not told.flags & dns.flags.TC
    assert (len(told.answer[0]), told.additional) == (2, [])


def test_a_cut_answer_is_hardly_larger_than_the_question() -> None:
    packet = asked("a.play.example.org", **on_behalf_of("198.51.100.0", 24))
    asking = read(packet)
    assert asking is not None

    assert len(truncated(asking)) == len(packet)


@given(st.integers(0, 60), st.integers(12, 1300))
def test_no_answer_is_larger_than_it_may_be(count: int, most: int) -> None:
    asking = query()
    packet = render(asking, Answer(answers=[addresses(count)] if count else []), most=most)

    assert len(packet) <= max(most, len(truncated(asking)))
    dns.message.from_wire(packet)

"""Answers of a zone whose router denies, breaks, or sends to edges, whatever comes in."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar

import dns.edns
import dns.message
import pytest
from dns.rcode import Rcode
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from common.errors import NearcastError
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.dns.answer import room
from control_plane.dns.names import AssetNames
from control_plane.dns.responder import Responder
from control_plane.dns.zone import Zone
from control_plane.library import Library
from control_plane.router import Router
from control_plane.routing import EdgeFacts, Route, Viewer
from control_plane.routing.clients import Address
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.dns.packets import ZONE, asked, edge, on_behalf_of, settings
from tests.unit.control_plane.records import announcement

RESOLVER = ip_address("198.51.100.53")


class Denied(NearcastError):
    """No."""

    status = 403


class OneEdge(Router):
    """Sends everybody to one edge, unless it has to fail."""

    edge: ClassVar[EdgeFacts] = edge("eu-1", "https://192.0.2.1")

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.asked: list[Address] = []

    def viewer_at(self, address: Address) -> Viewer:
        self.asked.append(address)
        return Viewer(address)

    def route(self, asset_id: str, viewer: Viewer, most: int | None = None) -> Route:
        if self.failure is not None:
            raise self.failure
        return Route(announcement(asset_id), viewer, [self.edge], "")

    def anywhere(self, viewer: Viewer) -> Sequence[EdgeFacts]:
        return [self.edge]


async def responder(folder: Path, router: Router) -> Responder:
    catalog = await SqliteCatalog.open(folder / "control.sqlite")
    library = Library(catalog, Clock())
    await library.publish(announcement())
    await catalog.close()
    return Responder(Zone(settings()), AssetNames(library), router, CollectorRegistry())


def said(one: Responder, packet: bytes) -> dns.message.Message:
    answer = one.respond(packet, RESOLVER, room)
    assert answer is not None
    return dns.message.from_wire(answer)


async def test_who_may_not_is_told_that_there_is_nothing(tmp_path: Path) -> None:
    one = await responder(tmp_path, OneEdge(Denied()))
    told = said(one, asked(f"a.{ZONE}", **on_behalf_of("203.0.113.0", 24)))

    assert told.rcode() == Rcode.NXDOMAIN
    assert told.authority[0].ttl == 10
    assert told.options == (
        dns.edns.ECSOption("203.0.113.0", 24, 24),
        dns.edns.EDEOption(dns.edns.EDECode.PROHIBITED),
    )


@pytest.mark.parametrize("failure", [NearcastError(), RuntimeError("broken")])
async def test_a_failure_here_is_told_as_one(tmp_path: Path, failure: Exception) -> None:
    router = OneEdge(failure)
    one = await responder(tmp_path, router)
    assert said(one, asked(f"a.{ZONE}")).rcode() == Rcode.SERVFAIL

    router.failure = None
    assert said(one, asked(f"a.{ZONE}")).rcode() == Rcode.NOERROR


async def test_the_client_counts_where_it_is_told_and_the_resolver_elsewhere(
    tmp_path: Path,
) -> None:
    router = OneEdge()
    one = await responder(tmp_path, router)
    for options in ({}, on_behalf_of("0.0.0.0", 0), on_behalf_of("203.0.113.0", 24)):
        said(one, asked(f"a.{ZONE}", **options))

    assert [str(each) for each in router.asked] == ["198.51.100.53", "198.51.100.53", "203.0.113.0"]


async def test_whatever_comes_in_nothing_breaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = await responder(tmp_path, OneEdge())
    whole = asked(f"a.{ZONE}", **on_behalf_of("203.0.113.0", 24))
    packets = st.binary(max_size=80) | st.builds(
        lambda start, other, end: whole[:start] + other + whole[end:],
        st.integers(2, len(whole)),
        st.binary(max_size=8),
        st.integers(2, len(whole)),
    )

    @given(packets)
    def take(packet: bytes) -> None:
        answer = one.respond(packet, RESOLVER, room)
        cut = one.cut(packet)
        if len(packet) < 12 or packet[2] & 0x80:
            assert answer is cut is None
            return
        assert answer is not None
        assert cut is not None
        assert answer[:2] == cut[:2] == packet[:2]
        assert answer[2] & cut[2] & 0x80
        assert len(answer) <= 1232

    take()
    assert "could not be answered" not in capsys.readouterr().out

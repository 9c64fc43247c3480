"""What edges tell of networks is heard by every control plane once, whatever comes with it."""

import asyncio
from ipaddress import ip_address

import msgspec
import pytest

from common.messages import NetworkSeen, network_number
from control_plane.bus import HINT_AT_MOST, Hint, HintKind, MemoryBus, MemoryHub
from control_plane.catalog import EdgeRecord
from control_plane.networks import MOST_LOOKED_UP, Networks
from control_plane.routing.clients import Address
from control_plane.routing.estimates import SYSTEM_FOR
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import heartbeat

HERE = ip_address("203.0.113.7")
SEEN = NetworkSeen(network_number(HERE), 100, 100, 8e6, 10, 2500)


def told(*networks: NetworkSeen, edge: str = "eu-1") -> EdgeRecord:
    return EdgeRecord(heartbeat(edge, networks=networks), 0.0)


async def test_all_control_planes_know_what_one_heard() -> None:
    hub, clock = MemoryHub(), Clock()
    one, other, alone = Networks(clock), Networks(clock), Networks(clock)
    for networks in (one, other):
        networks.share(MemoryBus(hub))
    for networks in (one, alone):
        networks.heard(told(SEEN))
        networks.heard(told())
    await asyncio.sleep(0)

    for networks in (one, other, alone):
        assert len(networks) == 1
        found = networks.of(HERE, 0)
        assert found is not None
        assert (found.throughput, found.weight) == pytest.approx((8e6, 100))
        assert networks.from_edge("eu-1", HERE) == found
        assert networks.from_edge("eu-2", HERE) is None


async def test_a_telling_of_the_greatest_size_fits_into_a_hint() -> None:
    hub = MemoryHub()
    one, other = Networks(Clock()), Networks(Clock())
    one.share(MemoryBus(hub))
    other.share(MemoryBus(hub))
    most = 2**53 - 1
    many = [NetworkSeen(2**49 - 1 - each, most, most, 1e10, most, 2**31) for each in range(500)]
    one.heard(told(*many, edge="e" * 64))
    await asyncio.sleep(0)

    assert len(other) == 500


@pytest.mark.parametrize(
    "hint",
    [
        Hint(HintKind.NETWORKS),
        Hint(HintKind.NETWORKS, bytes(HINT_AT_MOST)),
        Hint(HintKind.NETWORKS, b"\x91" * HINT_AT_MOST),
        Hint(HintKind.NETWORKS, msgspec.msgpack.encode(("eu-1", [(-1, 1, 1, 1.0, 0)]))),
        Hint(HintKind.NETWORKS, msgspec.msgpack.encode(("é", [SEEN]))),
        Hint(HintKind.NETWORKS, msgspec.msgpack.encode(("eu-1", [SEEN] * 501))),
        Hint(HintKind.PRESENCE, msgspec.msgpack.encode(("eu-1", [SEEN]))),
    ],
)
async def test_hints_of_other_kinds_and_nonsense_teach_nothing(hint: Hint) -> None:
    hub = MemoryHub()
    networks, stranger = Networks(Clock()), MemoryBus(hub)
    networks.share(MemoryBus(hub))
    stranger.publish(hint)
    await asyncio.sleep(0)

    assert len(networks) == 0


def test_numbers_that_name_no_network_do_no_harm() -> None:
    networks = Networks(Clock())
    networks.heard(told(NetworkSeen(1 << 30, 9, 9, 1e6, 0), SEEN))

    assert networks.of(HERE, 0) is not None


def test_viewers_wait_for_a_few_look_ups_at_most() -> None:
    asked: list[Address] = []

    def asn_of(address: Address) -> int:
        asked.append(address)
        return 64500

    networks = Networks(Clock())
    networks.asn_of = asn_of
    many = [NetworkSeen(number, 9, 9, 1e6, 0) for number in range(MOST_LOOKED_UP + 10)]
    networks.heard(told(*many))
    assert len(asked) == MOST_LOOKED_UP
    networks.heard(told(*many))
    networks.heard(told(*many))

    assert len(asked) == len(set(asked)) == len(many)


def test_systems_are_looked_up_once_an_hour_for_each_network() -> None:
    clock, asked = Clock(), list[Address]()

    def asn_of(address: Address) -> int:
        asked.append(address)
        return 64500 + len(asked)

    networks = Networks(clock)
    networks.asn_of = asn_of
    networks.heard(told(SEEN))
    clock.time += SYSTEM_FOR - 1
    networks.heard(told(SEEN))
    assert asked == [ip_address("203.0.113.0")]
    clock.time += 1
    networks.heard(told(SEEN))
    networks.heard(told(SEEN))

    assert len(asked) == 2
    known = [networks.of(ip_address("198.51.100.1"), asn) for asn in (64501, 64502, 64503)]
    assert [round(each.weight) if each else None for each in known] == [125, 200, None]


def test_operators_see_what_an_estimate_rests_on() -> None:
    networks = Networks(Clock())
    networks.asn_of = lambda _: 64500
    unknown = networks.view(HERE)
    networks.heard(told(SEEN))
    networks.heard(told(NetworkSeen(SEEN.network, 100, 100, 2e6, 100), edge="eu-2"))
    known, neighbour = networks.view(HERE), networks.view(ip_address("198.51.100.1"))

    assert (unknown.network, unknown.asn) == ("203.0.113.0/24", 64500)
    assert (unknown.rests_on, unknown.throughput, unknown.edges) == ("", None, ())
    assert (known.rests_on, known.starving, known.weight) == ("network", 0.55, 200)
    assert known.throughput == pytest.approx(4e6)
    assert [(each.edge_id, each.starving) for each in known.edges] == [("eu-1", 0.1), ("eu-2", 1.0)]
    assert (neighbour.rests_on, neighbour.network) == ("asn", "198.51.100.0/24")
    assert (neighbour.throughput, neighbour.edges) == (known.throughput, ())

"""Estimates of networks follow what players told lately, and rest on enough of it."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.messages import NetworkSeen, network_number
from control_plane.routing import Estimate
from control_plane.routing.estimates import (
    EDGE_HALF_LIFE,
    HALF_LIFE,
    LEAST,
    LEAST_OF_SYSTEM,
    MOST_AT_ONCE,
    MOST_EDGES,
    MOST_NETWORKS,
    MOST_SYSTEMS,
    Estimates,
)

HERE = ip_address("203.0.113.7")
NEIGHBOUR = ip_address("203.0.114.7")
SIX = ip_address("2001:db8:1:2::3")


def seen(address: str = "203.0.113.0", words: int = 10, **changes: float) -> NetworkSeen:
    """So many words that tell 8 Mbit/s."""
    given = {"measured": words, "throughput": 8e6, "starving": 0, **changes}
    return NetworkSeen(network_number(ip_address(address)), words, **given)  # type: ignore[arg-type] # counts are told as whole numbers


def told_within(estimates: Estimates, asn: int, told: NetworkSeen, now: float) -> None:
    """What is told of a network that belongs to an autonomous system."""
    estimates.place(told.network, asn, now)
    estimates.add("eu-1", told, now)


def parts(estimate: Estimate | None) -> tuple[float, float, float]:
    assert estimate is not None
    return estimate.throughput, estimate.starving, estimate.weight


def test_a_network_is_as_its_players_told() -> None:
    estimates = Estimates()
    assert estimates.of(HERE, 0, 0.0) is None
    estimates.add("eu-1", seen(words=10, starving=5), 100.0)
    estimates.add("eu-2", seen(words=30, throughput=2e6), 100.0)

    found = estimates.of(HERE, 0, 100.0)
    # The geometric mean: a quarter of the way from 2 to 8, in steps of the same factor.
    assert parts(found) == pytest.approx((2e6 * 4**0.25, 5 / 40, 40))
    assert estimates.of(NEIGHBOUR, 0, 100.0) is None
    assert estimates.of(SIX, 0, 100.0) is None


def test_ipv6_has_networks_too_and_mapped_ipv4_is_ipv4() -> None:
    estimates = Estimates()
    estimates.add("eu-1", seen("2001:db8:1:ffff::"), 0.0)
    estimates.add("eu-1", seen("::ffff:203.0.113.9", throughput=1e6), 0.0)

    six, four = estimates.of(SIX, 0, 0.0), estimates.of(HERE, 0, 0.0)
    assert six is not None
    assert four is not None
    assert six.throughput == pytest.approx(8e6)
    assert four.throughput == pytest.approx(1e6)


def test_what_was_told_fades() -> None:
    estimates = Estimates()
    estimates.add("eu-1", seen(words=64, throughput=1e6, starving=64), 0.0)
    later = estimates.of(HERE, 0, HALF_LIFE)
    estimates.add("eu-1", seen(words=32, throughput=4e6), HALF_LIFE)

    assert parts(later) == pytest.approx((1e6, 1.0, 32))
    # The old words count half now: as many as the new ones.
    assert parts(estimates.of(HERE, 0, HALF_LIFE)) == pytest.approx((2e6, 0.5, 64))
    assert estimates.of(HERE, 0, 30 * HALF_LIFE) is None


def test_a_network_of_which_little_was_told_is_as_its_system() -> None:
    estimates = Estimates()
    told_within(estimates, 64500, seen(words=int(LEAST) - 1), 0.0)
    told_within(estimates, 64500, seen("198.51.100.0", words=40, throughput=2e6), 0.0)
    assert estimates.of(HERE, 64500, 0.0) is None
    told_within(
        estimates, 64500, seen("192.0.2.0", words=int(LEAST_OF_SYSTEM), throughput=2e6), 0.0
    )

    for address in (HERE, NEIGHBOUR, SIX):
        found = estimates.of(address, 64500, 0.0)
        assert found is not None
        assert found.throughput == pytest.approx(2e6, rel=0.1)
        assert estimates.of(address, 64501, 0.0) is None
        assert estimates.of(address, 0, 0.0) is None
    told_within(estimates, 64500, seen(words=1), 0.0)
    own = estimates.of(HERE, 64500, 0.0)
    assert own is not None
    assert own.throughput == pytest.approx(8e6)


def test_words_without_a_throughput_make_no_estimate() -> None:
    estimates = Estimates()
    estimates.add("eu-1", seen(words=100, measured=0, throughput=0.0, starving=50), 0.0)
    assert estimates.of(HERE, 0, 0.0) is None
    estimates.add("eu-1", seen(words=100), 0.0)

    assert parts(estimates.of(HERE, 0, 0.0)) == pytest.approx((8e6, 0.25, 100))


def test_each_edge_has_its_own_way_to_a_network_which_is_forgotten_sooner() -> None:
    estimates = Estimates()
    estimates.add("eu-1", seen(words=10, throughput=1e6, starving=10), 0.0)
    estimates.add("eu-2", seen(words=10), 0.0)

    assert parts(estimates.from_edge("eu-1", HERE, 0.0)) == pytest.approx((1e6, 1.0, 10))
    assert parts(estimates.from_edge("eu-2", HERE, 0.0)) == pytest.approx((8e6, 0.0, 10))
    assert estimates.from_edge("eu-3", HERE, 0.0) is None
    assert estimates.from_edge("eu-1", NEIGHBOUR, 0.0) is None
    assert estimates.from_edge("eu-1", HERE, 2 * EDGE_HALF_LIFE) is None
    assert estimates.of(HERE, 0, 2 * EDGE_HALF_LIFE) is not None
    known = estimates.known(HERE, 0.0)
    assert known is not None
    assert [edge_id for edge_id, _ in known.edges] == ["eu-1", "eu-2"]


def test_only_the_last_edges_are_remembered_of_a_network() -> None:
    estimates = Estimates()
    for number in range(MOST_EDGES + 1):
        estimates.add(f"eu-{number}", seen(), 0.0)

    remembered = [
        estimates.from_edge(f"eu-{number}", HERE, 0.0) for number in range(MOST_EDGES + 1)
    ]
    assert remembered[0] is None
    assert None not in remembered[1:]


def test_the_networks_that_told_least_lately_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control_plane.routing.estimates.MOST_NETWORKS", 3)
    monkeypatch.setattr("control_plane.routing.estimates.MOST_SYSTEMS", 2)
    estimates = Estimates()
    for number in (1, 2, 3, 1, 4):
        told_within(estimates, number, seen(f"10.0.{number}.0", words=100), 0.0)

    def known(asn: int) -> list[int]:
        found = [ip_address(f"10.0.{number}.1") for number in range(1, 5)]
        return [int(each) >> 8 & 255 for each in found if estimates.of(each, asn, 0.0)]

    assert len(estimates) == 3
    assert known(0) == [1, 3, 4]
    # The systems that are known make up for a network that is not.
    assert known(1) == [1, 2, 3, 4]
    assert known(2) == [1, 3, 4]
    assert MOST_NETWORKS > MOST_EDGES
    assert MOST_SYSTEMS > 90_000


COUNTS = st.integers(0, 2**53 - 1)
TOLD = st.builds(
    NetworkSeen,
    network=st.just(network_number(HERE)),
    words=COUNTS,
    measured=COUNTS,
    throughput=st.floats(0, 1e10),
    starving=COUNTS,
    buffer=st.none() | st.integers(0, 2**31),
)


@given(st.lists(st.tuples(TOLD, st.floats(0, 1e9)), max_size=20), st.floats(0, 1e9))
def test_whatever_edges_tell_estimates_keep_within_bounds(
    told: list[tuple[NetworkSeen, float]], now: float
) -> None:
    estimates = Estimates()
    for one, at in sorted(told, key=lambda each: each[1]):
        told_within(estimates, 64500, one, at)
    for found in (
        estimates.of(HERE, 0, now),
        estimates.of(NEIGHBOUR, 64500, now),
        estimates.from_edge("eu-1", HERE, now),
    ):
        if found is not None:
            assert 0 < found.throughput <= 1e10 * (1 + 1e-9)
            assert 0 <= found.starving <= 1 + 1e-9
            assert LEAST <= found.weight <= len(told) * MOST_AT_ONCE * (1 + 1e-9)

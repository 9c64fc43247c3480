"""Edges that answer probes while their heartbeats are refused, as credentials are worth nothing."""

import pytest

from common.messages import EdgeStanding, EdgeState
from control_plane.health import Credential, Probed, admitted
from tests.unit.control_plane.health.timelines import SimulatedEdge, Watched

EXPIRED = "its credential has expired"
GONE = "there is no credential of its name"


def probed(*edges: SimulatedEdge) -> Watched:
    """Edges that are asked for an object each second, and answer as it should be."""
    watched = Watched(edges)

    def probe(now: float) -> None:
        for edge in edges:
            edge.probes["control"] = Probed(at=now, reached_at=now)

    watched.each_second = probe
    return watched


def refused(edge: SimulatedEdge, credential: Credential) -> None:
    edge.credential, edge.beats = credential, False


@pytest.mark.parametrize(
    ("credential", "reason"), [(Credential.EXPIRED, EXPIRED), (Credential.GONE, GONE)]
)
def test_an_edge_takes_no_new_viewers_three_seconds_after_its_last_heartbeat(
    credential: Credential, reason: str
) -> None:
    edge, other = SimulatedEdge(), SimulatedEdge("eu-2")

    watched = probed(edge, other).watch(30, {10: lambda: refused(edge, credential)})

    assert watched.lines == ["0 s eu-1 up", "0 s eu-2 up", f"12 s eu-1 down: {reason}"]
    assert admitted(watched.outlook.edges) == {"eu-2": 1.0}


def test_without_probes_the_reason_is_told_too() -> None:
    edge, other = SimulatedEdge(), SimulatedEdge("eu-2")

    watched = Watched((edge, other)).watch(20, {10: lambda: refused(edge, Credential.EXPIRED)})

    assert watched.lines[2:] == [f"12 s eu-1 down: not heard of for 3 s: {EXPIRED}"]


def test_credentials_that_expire_together_take_no_region_all_of_its_edges() -> None:
    edges = [SimulatedEdge(f"eu-{number}") for number in range(3)]
    watched = probed(*edges)

    def expire() -> None:
        for edge in edges:
            refused(edge, Credential.EXPIRED)

    watched.watch(30, {10: expire})
    assert {health.state for health in watched.outlook.edges.values()} == {EdgeState.DOWN}
    assert admitted(watched.outlook.edges).keys() == {"eu-0", "eu-1", "eu-2"}

    edges[0].die()
    edges[0].probes["control"] = Probed(at=watched.now, failures=3)
    edges[1].credential, edges[1].beats = Credential.VALID, True
    watched.watch(30)
    assert admitted(watched.outlook.edges).keys() == {"eu-1"}


def test_edges_whose_credentials_were_taken_back_are_taken_by_nobody() -> None:
    edge = SimulatedEdge()

    watched = probed(edge).watch(30, {10: lambda: refused(edge, Credential.GONE)})

    assert not admitted(watched.outlook.edges)


@pytest.mark.parametrize("credential", [Credential.EXPIRED, Credential.GONE])
def test_heartbeats_that_come_were_let_in_by_somebody(credential: Credential) -> None:
    watched = probed(SimulatedEdge(credential=credential)).watch(30)

    assert watched.lines == ["0 s eu-1 up"]


def test_an_edge_with_another_valid_credential_is_only_missed() -> None:
    edge = SimulatedEdge()

    watched = probed(edge).watch(30, {10: lambda: refused(edge, Credential.VALID)})

    assert watched.first.state is EdgeState.DEGRADED
    assert watched.first.reason == "its heartbeats do not come"


def test_an_edge_with_a_new_credential_is_back() -> None:
    edge, other = SimulatedEdge(), SimulatedEdge("eu-2")
    watched = probed(edge, other).watch(30, {10: lambda: refused(edge, Credential.EXPIRED)})
    edge.credential, edge.beats = Credential.VALID, True
    watched.watch(70)

    assert watched.first.state is EdgeState.UP
    assert watched.first.share == 1


def test_an_order_of_maintenance_stays_the_reason() -> None:
    edge = SimulatedEdge(standing=EdgeStanding.MAINTENANCE, credential=Credential.GONE, beats=False)

    assert probed(edge).watch(10).first.state is EdgeState.MAINTENANCE

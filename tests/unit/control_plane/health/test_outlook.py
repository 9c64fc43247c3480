"""The health of a whole fleet: monitors that see nothing, regions that would lose every edge."""

from collections.abc import Callable

import pytest

from common.messages import EdgeStanding, EdgeState
from control_plane.health import Probed, admitted
from tests.unit.control_plane.health.timelines import SimulatedEdge, Watched


def fleet(*names: str) -> tuple[SimulatedEdge, ...]:
    return tuple(SimulatedEdge(name) for name in names)


def states(watched: Watched) -> set[EdgeState]:
    return {health.state for health in watched.outlook.edges.values()}


def probing(
    watched: Watched, monitor: str, reaches: Callable[[str], bool], *, refused: bool = False
) -> None:
    """Has a monitor probe every edge each second, besides what else happens then."""
    also = watched.each_second
    failures: dict[str, int] = {}
    reached: dict[str, float] = {}

    def probe(now: float) -> None:
        also(now)
        for edge in watched.edges:
            if reaches(edge.name):
                failures[edge.name] = 0
                reached[edge.name] = now
            else:
                failures[edge.name] = failures.get(edge.name, 0) + 1
            edge.probes[monitor] = Probed(
                at=now,
                reached_at=reached.get(edge.name, float("-inf")),
                failures=failures[edge.name],
                refused=refused and failures[edge.name] > 0,
            )

    watched.each_second = probe


def test_a_control_plane_that_hears_nobody_keeps_what_it_knew_and_says_so() -> None:
    edges = fleet("eu-1", "eu-2", "us-1")
    watched = Watched(edges).watch(10)
    edges[1].facts["load"] = 0.99
    watched.watch(10)
    for edge in edges:
        edge.beats = False
    watched.watch(3600)

    assert watched.outlook.blind
    assert [line for line in watched.lines if "down" in line] == []
    assert watched.outlook.edges["eu-2"].state is EdgeState.DEGRADED
    assert set(admitted(watched.outlook.edges)) == {"eu-1", "eu-2", "us-1"}


def test_when_it_sees_again_edges_get_the_time_to_be_heard() -> None:
    edges = fleet("eu-1", "eu-2", "us-1")
    watched = Watched(edges).watch(10)
    for edge in edges:
        edge.beats = False
    watched.watch(60)
    edges[0].beats = True
    watched.watch(2)
    edges[1].beats = True
    watched.watch(20)

    assert [line.partition(" s ")[2] for line in watched.lines[3:]] == [
        "blind",
        "sees again",
        "us-1 down: not heard of for 3 s",
    ]
    assert watched.lines[3].startswith("12 s ")


def test_orders_are_obeyed_blindly() -> None:
    edges = fleet("eu-1", "eu-2")
    watched = Watched(edges).watch(10)
    for edge in edges:
        edge.beats = False
    watched.watch(10)
    edges[0].standing = EdgeStanding.DRAINING
    watched.watch(1)

    assert watched.outlook.blind
    assert set(admitted(watched.outlook.edges)) == {"eu-2"}


def test_edges_that_were_killed_together_are_down_where_their_machines_say_so() -> None:
    edges = fleet("eu-1", "eu-2", "us-1")
    watched = Watched(edges)
    alive = True
    probing(watched, "control", lambda _: alive, refused=True)
    watched.watch(10)
    alive = False
    for edge in edges:
        edge.die()
    watched.watch(10)

    assert states(watched) == {EdgeState.DOWN}
    assert not watched.outlook.blind


def test_edges_that_fall_silent_one_after_another_are_down() -> None:
    edges = fleet("eu-1", "eu-2", "us-1")
    watched = Watched(edges).watch(60, {10: edges[0].die, 20: edges[1].die, 30: edges[2].die})

    assert [line for line in watched.lines if "up" not in line] == [
        "12 s eu-1 down: not heard of for 3 s",
        "22 s eu-2 down: not heard of for 3 s",
        "32 s us-1 down: not heard of for 3 s",
    ]


def test_the_last_edge_of_a_fleet_is_down_when_it_is_silent() -> None:
    (edge,) = fleet("eu-1")

    assert states(Watched((edge,)).watch(60, {10: edge.die})) == {EdgeState.DOWN}


def test_an_edge_that_any_monitor_reaches_lives_without_heartbeats() -> None:
    edges = fleet("eu-1", "eu-2")
    watched = Watched(edges)
    probing(watched, "control-1", lambda name: name == "eu-2")
    probing(watched, "control-2", lambda _: True)
    watched.watch(10)
    edges[0].beats = False
    watched.watch(60)
    health = watched.outlook.edges["eu-1"]

    assert (health.state, health.alive) == (EdgeState.DEGRADED, True)
    assert health.reason == (
        "control-1 of 2 control planes cannot reach it; its heartbeats do not come"
    )
    assert admitted(watched.outlook.edges)["eu-1"] == 0.25


def test_an_edge_that_one_of_three_monitors_does_not_reach_is_up() -> None:
    edges = fleet("eu-1", "eu-2")
    watched = Watched(edges)
    probing(watched, "control-1", lambda name: name == "eu-2")
    probing(watched, "control-2", lambda _: True)
    probing(watched, "control-3", lambda _: True)

    assert states(watched.watch(60)) == {EdgeState.UP}


def test_an_edge_that_no_monitor_reaches_is_down_though_its_heartbeats_come() -> None:
    edges = fleet("eu-1", "eu-2")
    watched = Watched(edges)
    for monitor in ("control-1", "control-2"):
        probing(watched, monitor, lambda name: name == "eu-2")
    watched.watch(30)
    health = watched.outlook.edges["eu-1"]

    assert (health.state, health.alive) == (EdgeState.DOWN, True)
    assert health.reason == "no control plane reaches it, though its heartbeats come"
    assert admitted(watched.outlook.edges) == {"eu-2": 1.0}
    assert admitted({"eu-1": health}) == {"eu-1": 0.1}


@pytest.mark.parametrize("refused", [False, True])
def test_a_monitor_that_reaches_nobody_is_not_asked(refused: bool) -> None:
    edges = fleet("eu-1", "eu-2", "us-1")
    watched = Watched(edges)
    probing(watched, "control", lambda _: False, refused=refused)

    assert states(watched.watch(60)) == {EdgeState.UP}


def test_what_a_monitor_that_is_gone_has_found_is_forgotten() -> None:
    edges = fleet("eu-1", "eu-2")
    watched = Watched(edges)
    probing(watched, "control", lambda name: name == "eu-2")
    watched.watch(10)
    before = watched.outlook.edges["eu-1"].state
    watched.each_second = lambda _: None
    watched.watch(60)

    assert before is EdgeState.DOWN
    assert states(watched) == {EdgeState.UP}


def test_what_a_monitor_found_long_ago_of_an_edge_that_it_asks_no_more_is_forgotten() -> None:
    edges = fleet("eu-1", "eu-2")
    watched = Watched(edges)
    probing(watched, "control", lambda _: True)
    watched.watch(10)
    long_ago = Probed(at=5.0, failures=9, refused=True, wrong=True)
    also = watched.each_second
    watched.each_second = lambda now: (also(now), edges[0].probes.update(control=long_ago))
    watched.watch(60)
    assert states(watched) == {EdgeState.UP}
    for edge in edges:
        edge.beats = False
    watched.each_second = lambda _: None
    watched.watch(60)

    assert watched.outlook.blind


def test_where_all_edges_of_a_region_are_degraded_all_get_viewers() -> None:
    edges = fleet("eu-1", "eu-2")
    for edge in edges:
        edge.each_second = {"errors": 50}

    assert admitted(Watched(edges).watch(30).outlook.edges) == {"eu-1": 0.25, "eu-2": 0.25}


def flapped(edge: SimulatedEdge, watched: Watched) -> None:
    for _ in range(4):
        edge.restart()
        watched.watch(40)
    edge.restart()
    watched.watch(1)


def test_an_edge_that_flaps_is_better_than_none_and_than_one_that_nobody_reaches() -> None:
    edges = fleet("eu-1", "eu-2", "us-1")
    watched = Watched(edges)
    probing(watched, "control", lambda name: name != "eu-2")
    watched.watch(10)
    flapped(edges[0], watched)
    health = watched.outlook.edges

    assert [each.state for each in health.values()] == [
        EdgeState.STARTING,
        EdgeState.DOWN,
        EdgeState.UP,
    ]
    assert admitted({name: health[name] for name in ("eu-1", "eu-2")}) == {"eu-1": 0.25}
    assert admitted(health) == {"us-1": 1.0}


@pytest.mark.parametrize(
    "out",
    [
        {"alive": False},
        {"standing": EdgeStanding.DRAINING},
        {"standing": EdgeStanding.MAINTENANCE},
        {"facts": {"draining": True}},
        {"facts": {"ready": False}},
    ],
    ids=str,
)
def test_silence_orders_and_the_edges_own_word_take_out_the_last_one(
    out: dict[str, object],
) -> None:
    edges = fleet("eu-1", "us-1")
    watched = Watched(edges).watch(10)
    for name, value in out.items():
        setattr(edges[0], name, value)
    watched.watch(10)

    assert admitted({"eu-1": watched.outlook.edges["eu-1"]}) == {}


def test_a_region_without_edges_admits_none() -> None:
    assert admitted({}) == {}

"""One edge's health over time, as transcripts of simulated edges."""

from common.messages import EdgeStanding, EdgeState
from control_plane.health import Probed, admitted
from tests.unit.control_plane.health.timelines import SimulatedEdge, Watched


def test_a_new_edge_is_up_with_its_first_ready_heartbeat_and_gets_all_its_share() -> None:
    edge = SimulatedEdge(facts={"ready": False})

    watched = Watched((edge,)).watch(4, {2: lambda: edge.facts.update(ready=True)})

    assert watched.lines == ["0 s eu-1 starting: it is not ready", "2 s eu-1 up"]
    assert (watched.first.share, watched.first.reason) == (1, "")


def test_a_killed_edge_is_down_after_three_seconds() -> None:
    edge = SimulatedEdge()

    watched = Watched((edge,)).watch(20, {10: lambda: setattr(edge, "alive", False)})

    assert watched.lines == ["0 s eu-1 up", "12 s eu-1 down: not heard of for 3 s"]
    assert not admitted(watched.outlook.edges)


def test_an_edge_that_comes_back_has_to_be_steady_and_is_warmed() -> None:
    edge = SimulatedEdge()
    watched = Watched((edge,)).watch(
        30,
        {5: lambda: setattr(edge, "alive", False), 10: lambda: setattr(edge, "alive", True)},
    )

    assert watched.lines[2:] == [
        "10 s eu-1 starting: back, and up once it has been steady for 5 s",
        "14.75 s eu-1 up: warms up: 10% of its share, holds 100%",
    ]


def test_an_edge_that_holds_little_gets_little_until_it_was_filled() -> None:
    edge = SimulatedEdge()
    watched = Watched((edge,)).watch(10)
    edge.restart()
    edge.held = 0.3
    watched.watch(100)
    filling = watched.first
    edge.held = 0.95
    watched.watch(100)
    edge.held = 0.2
    watched.watch(10)

    assert (filling.state, round(filling.share, 2)) == (EdgeState.UP, 0.33)
    assert filling.reason == "warms up: 33% of its share, holds 30%"
    assert (watched.first.share, watched.first.reason) == (1, "")


def test_one_monitor_that_reaches_the_edge_is_believed() -> None:
    edge = SimulatedEdge(beats=False, beat_at=0.0)
    watched = Watched((edge,))
    for _ in range(20):
        edge.probes = {
            "control-1": Probed(at=watched.now, failures=9),
            "control-2": Probed(at=watched.now, reached_at=watched.now),
        }
        watched.watch(1)

    assert watched.first.state is EdgeState.DEGRADED
    assert watched.first.reason == (
        "control-1 of 2 control planes cannot reach it; its heartbeats do not come"
    )


def test_a_drain_sticks_through_restart_and_silence() -> None:
    edge = SimulatedEdge(standing=EdgeStanding.DRAINING)
    watched = Watched((edge,)).watch(10)
    edge.restart()
    watched.watch(10)
    edge.alive = False
    watched.watch(10)
    edge.alive = True
    watched.watch(600)

    assert [line.split()[3].rstrip(":") for line in watched.lines] == [
        "draining",
        "down",
        "draining",
    ]

"""One edge's health over time, as transcripts of simulated edges."""

import itertools
from typing import Any

import pytest

from common.messages import EdgeStanding, EdgeState
from control_plane.health import Probed, admitted
from tests.unit.control_plane.health.timelines import SimulatedEdge, Watched


def test_a_new_edge_is_up_with_its_first_ready_heartbeat_and_gets_all_its_share() -> None:
    edge = SimulatedEdge(facts={"ready": False})

    watched = Watched((edge,)).watch(4, {2: edge.tells(ready=True)})

    assert watched.lines == ["0 s eu-1 starting: it is not ready", "2 s eu-1 up"]
    assert (watched.first.share, watched.first.reason) == (1, "")


def test_a_killed_edge_is_down_after_three_seconds() -> None:
    edge = SimulatedEdge()

    watched = Watched((edge,)).watch(20, {10: edge.die})

    assert watched.lines == ["0 s eu-1 up", "12 s eu-1 down: not heard of for 3 s"]
    assert not admitted(watched.outlook.edges)


def test_an_edge_that_comes_back_has_to_be_steady_and_is_warmed() -> None:
    edge = SimulatedEdge()
    watched = Watched((edge,)).watch(20, {5: edge.die, 10: edge.live})
    shares = []
    for _ in range(61):
        shares.append(watched.first.share)
        watched.watch(1)

    assert watched.lines[2:] == [
        "10 s eu-1 starting: back, and up once it has been steady for 5 s",
        "14.75 s eu-1 up: warms up: 10% of its share, holds 100%",
    ]
    assert shares == sorted(shares)
    assert 0.1 < shares[0] < 0.2 < shares[10] < 0.4 < shares[30] < 0.7 < shares[50] < 1
    assert (watched.first.share, watched.first.reason) == (1, "")


def test_an_edge_that_holds_little_gets_little_until_it_was_filled_once() -> None:
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


def test_an_edge_that_joins_a_fleet_and_holds_nothing_yet_gets_little() -> None:
    edge = SimulatedEdge(held=0.0)
    watched = Watched((edge,)).watch(1)

    assert (watched.first.state, watched.first.share) == (EdgeState.UP, 0.1)


def test_an_edge_that_was_away_carries_out_the_purges_that_there_were_first() -> None:
    edge = SimulatedEdge(facts={"purges": 5}, purge_head=5)

    def purge() -> None:
        edge.purge_head = 9

    watched = Watched((edge,)).watch(
        40, {4: edge.die, 8: purge, 10: edge.live, 20: edge.tells(purges=9)}
    )

    assert watched.lines == [
        "0 s eu-1 up",
        "6 s eu-1 down: not heard of for 3 s",
        "10 s eu-1 starting: it has to carry out the purges up to 9",
        "20 s eu-1 up: warms up: 10% of its share, holds 100%",
    ]


def test_a_storm_of_purges_takes_out_no_edge_that_keeps_up_a_second_behind() -> None:
    edge = SimulatedEdge(facts={"purges": 5}, purge_head=5)
    watched = Watched((edge,)).watch(5)

    def storm(_: float) -> None:
        edge.facts["purges"] = edge.purge_head
        edge.purge_head += 100

    watched.each_second = storm
    watched.watch(60)
    edge.restart(purges=edge.purge_head)
    watched.watch(60)

    assert watched.lines[:1] == ["0 s eu-1 up"]
    assert [line.split()[3].rstrip(":") for line in watched.lines] == ["up", "starting", "up"]


def test_an_edge_that_does_not_get_on_with_purges_is_degraded() -> None:
    edge = SimulatedEdge(purge_head=1)
    watched = Watched((edge,)).watch(2)
    edge.facts["purges"] = 1
    watched.watch(10)
    edge.purge_head = 4
    watched.watch(20)

    assert (watched.first.state, watched.first.reason) == (
        EdgeState.DEGRADED,
        "it has not carried out purge 4",
    )


BAD: list[tuple[dict[str, Any], dict[str, int], str]] = [
    ({"load": 0.97}, {}, "its processors are busy (97%)"),
    ({"bandwidth": 100, "sending": 95}, {}, "it sends 95% of what it can"),
    ({}, {"requests": 100, "errors": 20}, "20% of its answers are errors"),
    ({}, {"errors": 5}, "100% of its answers are errors"),
    ({}, {"disk_errors": 1}, "its disk fails"),
]


@pytest.mark.parametrize(("facts", "totals", "reason"), BAD, ids=lambda each: str(each)[:40])
def test_a_bad_edge_is_degraded_after_a_while_and_up_after_a_longer_one(
    facts: dict[str, Any], totals: dict[str, int], reason: str
) -> None:
    edge = SimulatedEdge()
    watched = Watched((edge,)).watch(10)
    edge.facts |= facts
    edge.each_second |= totals
    watched.watch(2.75)
    assert watched.first.state is EdgeState.UP
    watched.watch(20)
    bad = watched.first
    edge.facts |= dict.fromkeys(facts, 0)
    edge.each_second.clear()
    watched.watch(9)
    held = watched.first
    watched.watch(15)

    assert (bad.state, bad.share, bad.reason) == (EdgeState.DEGRADED, 0.25, reason)
    assert held.state is EdgeState.DEGRADED
    assert watched.first.state is EdgeState.UP
    assert watched.first.share > 0.25
    assert len(watched.lines) == 3


def test_an_edge_at_its_limit_is_not_one_and_the_other_in_turn() -> None:
    edge = SimulatedEdge()
    watched = Watched((edge,))
    turns = itertools.cycle([0.97, 0.9, 0.97, 0.85])
    watched.each_second = lambda _: edge.facts.update(load=next(turns))
    watched.watch(300)

    assert [line.split()[3].rstrip(":") for line in watched.lines] == ["up", "degraded"]


def test_a_single_error_is_nobodys_fault() -> None:
    edge = SimulatedEdge(each_second={"requests": 4, "errors": 4})

    assert Watched((edge,)).watch(60).lines == ["0 s eu-1 up"]


def test_errors_of_a_run_before_it_was_heard_are_not_held_against_it() -> None:
    edge = SimulatedEdge(facts={"requests": 10, "errors": 10_000, "disk_errors": 50})

    assert Watched((edge,)).watch(60).lines == ["0 s eu-1 up"]


def test_a_replay_of_an_earlier_heartbeat_changes_no_totals() -> None:
    edge = SimulatedEdge(each_second={"requests": 100})
    watched = Watched((edge,)).watch(10)
    before = watched.first.memory
    edge.sequence, edge.facts = 3, {"errors": 9000, "requests": 9000}
    watched.judge()

    assert (watched.first.memory.errors, watched.first.memory.requests) == (0, before.requests)
    assert watched.first.state is EdgeState.UP


def test_an_edge_that_serves_wrong_bytes_is_degraded() -> None:
    edge = SimulatedEdge()
    watched = Watched((edge,))
    watched.each_second = lambda now: edge.probes.update(
        control=Probed(at=now, reached_at=now, wrong=now >= 10)
    )
    watched.watch(20)

    assert watched.lines == ["0 s eu-1 up", "12.75 s eu-1 degraded: it serves wrong bytes"]


def test_a_drain_sticks_through_restart_and_silence() -> None:
    edge = SimulatedEdge(standing=EdgeStanding.DRAINING)
    watched = Watched((edge,)).watch(10)
    edge.restart()
    watched.watch(10)
    edge.die()
    watched.watch(10)
    edge.live()
    watched.watch(600)

    assert [line.split()[3].rstrip(":") for line in watched.lines] == [
        "draining",
        "down",
        "draining",
    ]


def test_an_edge_in_maintenance_may_be_silent_and_starts_anew_afterwards() -> None:
    edge = SimulatedEdge()

    def order(standing: EdgeStanding) -> None:
        edge.standing = standing

    def start() -> None:
        edge.restart()
        edge.live()

    watched = Watched((edge,)).watch(
        60,
        {
            5: lambda: order(EdgeStanding.MAINTENANCE),
            10: edge.die,
            20: start,
            30: lambda: order(EdgeStanding.IN_SERVICE),
        },
    )

    assert watched.lines == [
        "0 s eu-1 up",
        "5 s eu-1 maintenance: an operator's order",
        "30 s eu-1 up: warms up: 10% of its share, holds 100%",
    ]


def test_an_edge_that_ends_as_it_should_lets_go_at_once_and_is_back_soon() -> None:
    edge = SimulatedEdge()

    def start() -> None:
        edge.restart()
        edge.live()

    watched = Watched((edge,)).watch(
        40, {5: edge.tells(draining=True, ready=False), 7: edge.die, 9: start}
    )

    assert watched.lines == [
        "0 s eu-1 up",
        "5 s eu-1 draining: it lets its viewers go",
        "9 s eu-1 starting: back, and up once it has been steady for 5 s",
        "14 s eu-1 up: warms up: 10% of its share, holds 100%",
    ]


def test_a_crash_that_is_over_before_it_is_noticed_is_a_fall_all_the_same() -> None:
    edge = SimulatedEdge()
    watched = Watched((edge,)).watch(30, {10: edge.restart})

    assert watched.lines == [
        "0 s eu-1 up",
        "10 s eu-1 starting: back, and up once it has been steady for 5 s",
        "15 s eu-1 up: warms up: 10% of its share, holds 100%",
    ]


def test_a_flapping_edge_waits_longer_each_time_and_is_forgiven_later() -> None:
    edge = SimulatedEdge()
    watched = Watched((edge,))
    waits = []
    for _ in range(5):
        watched.watch(5)
        edge.restart()
        fell = watched.now
        while watched.watch(0.25).first.state is not EdgeState.UP:
            pass
        waits.append(watched.now - fell)
    watched.watch(3600)
    edge.restart()
    fell = watched.now
    while watched.watch(0.25).first.state is not EdgeState.UP:
        pass

    assert waits == sorted(waits)
    assert 5 <= waits[0] < 6
    assert 40 < waits[-1] < 80
    assert 5 <= watched.now - fell < 6


def test_an_edge_that_stays_away_for_long_waits_no_longer_than_for_its_last_fall() -> None:
    edge = SimulatedEdge()
    watched = Watched((edge,))
    for _ in range(3):
        watched.watch(100)
        edge.restart()
    edge.die()
    watched.watch(3600)
    edge.live()
    edge.restart()
    back = watched.now
    while watched.watch(0.25).first.state is not EdgeState.UP:
        pass

    assert 5 <= watched.now - back < 6

"""What holds of health whatever happens, by edges and networks that do as they like."""

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from common.messages import EdgeStanding, EdgeState, Heartbeat
from control_plane.health import (
    EdgeHealth,
    EdgeNameTaken,
    Outlook,
    Probed,
    Signs,
    accepts,
    admitted,
    look,
    step,
)
from control_plane.health.machine import SERVING
from tests.unit.control_plane.health.timelines import RULES
from tests.unit.control_plane.records import heartbeat

NAMES = ("eu-1", "eu-2", "eu-3")

FACTS = st.fixed_dictionaries(
    {},
    optional={
        "ready": st.booleans(),
        "draining": st.sampled_from([False, False, False, True]),
        "load": st.sampled_from([0.1, 0.7, 0.9, 0.99]),
        "purges": st.integers(0, 6),
        "errors": st.sampled_from([0, 3, 50, 1000]),
        "disk_errors": st.integers(0, 3),
        "requests": st.sampled_from([0, 100, 1000]),
    },
)
"""What changes of an edge's heartbeats."""


@dataclass
class Edge:
    """An edge's signs, as chance has them."""

    name: str
    beats: bool = True
    run: float = 1.0
    sequence: int = 0
    beat_at: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    head: int = 0
    held: float = 1.0
    probes: dict[str, Probed] = field(default_factory=dict)
    standing: EdgeStanding = EdgeStanding.IN_SERVICE

    def signs(self) -> Signs:
        beat = heartbeat(self.name, self.sequence, started_at=self.run, **self.facts)
        return Signs(beat, self.beat_at, self.head, self.held, dict(self.probes), self.standing)


EVENTS = st.one_of(
    st.tuples(st.just("beats"), st.booleans()),
    st.tuples(st.just("restart"), st.floats(-1e9, 1e9)),
    st.tuples(st.just("facts"), FACTS),
    st.tuples(st.just("head"), st.integers(0, 6)),
    st.tuples(st.just("held"), st.floats(0, 1)),
    st.tuples(st.just("standing"), st.sampled_from(EdgeStanding)),
    st.tuples(
        st.just("probe"),
        st.tuples(st.sampled_from(["control-1", "control-2"]), st.integers(0, 4), st.booleans()),
    ),
)
MOMENTS = st.lists(
    st.tuples(
        st.floats(0.05, 1.0),
        st.lists(st.tuples(st.sampled_from(NAMES), EVENTS), max_size=2),
    ),
    max_size=60,
)
"""How long the control plane waits before it looks again, and what happened meanwhile."""


def happen(edge: Edge, event: tuple[str, Any], now: float) -> None:
    what, value = event
    match what:
        case "restart":
            edge.run, edge.sequence = value, 0
        case "facts":
            edge.facts |= value
        case "probe":
            monitor, failures, refused = value
            reached = now if failures == 0 else -math.inf
            edge.probes[monitor] = Probed(now, reached, failures, refused=refused)
        case _:
            setattr(edge, what, value)


@dataclass
class Fleet:
    """A control plane that looks at edges that do as they like."""

    edges: dict[str, Edge] = field(default_factory=lambda: {name: Edge(name) for name in NAMES})
    now: float = 0.0
    outlook: Outlook = field(default_factory=lambda: Outlook({}, blind=False))
    heard: dict[str, float] = field(default_factory=dict)

    def go_on(self, seconds: float, happened: list[tuple[str, tuple[str, Any]]]) -> None:
        self.now += seconds
        for name, event in happened:
            happen(self.edges[name], event, self.now)
        for edge in self.edges.values():
            if edge.beats and self.now - edge.beat_at >= 1:
                edge.sequence += 1
                edge.beat_at = self.now
        signs = {name: edge.signs() for name, edge in self.edges.items()}
        self.outlook = look(self.outlook.edges, signs, now=self.now, rules=RULES)


def willing(edge: Edge, health: EdgeHealth) -> bool:
    """Whether nothing but judgement could take the edge out."""
    facts = {"ready": True, "draining": False, "purges": 0, **edge.facts}
    return (
        health.alive
        and bool(facts["ready"])
        and not facts["draining"]
        and edge.standing is EdgeStanding.IN_SERVICE
        and int(facts["purges"]) >= health.memory.due
    )


@given(MOMENTS)
@settings(max_examples=200)
def test_who_gets_viewers_is_alive_and_ready_and_no_region_loses_all_by_judgement(
    moments: list[tuple[float, list[tuple[str, tuple[str, Any]]]]],
) -> None:
    fleet = Fleet()
    for seconds, happened in moments:
        fleet.go_on(seconds, happened)
        shares = admitted(fleet.outlook.edges)
        for name, health in fleet.outlook.edges.items():
            edge = fleet.edges[name]
            silent = fleet.now - edge.signs().heard_at >= RULES.silence
            if silent and health.alive:
                assert fleet.now - health.memory.excused_at < RULES.silence
            assert (name in shares) <= willing(edge, health)
            assert 0 <= health.share <= 1
            assert (health.share > 0) is (health.state in SERVING)
            assert health.since <= fleet.now
            if health.state is EdgeState.DEGRADED:
                assert health.share <= RULES.degraded_share
        if any(willing(fleet.edges[name], each) for name, each in fleet.outlook.edges.items()):
            assert shares
            assert all(share > 0 for share in shares.values())


@given(MOMENTS)
@settings(max_examples=200)
def test_no_state_changes_faster_than_the_rules_allow(
    moments: list[tuple[float, list[tuple[str, tuple[str, Any]]]]],
) -> None:
    fleet = Fleet()
    for seconds, happened in moments:
        before = fleet.outlook.edges
        fleet.go_on(seconds, happened)
        for name, health in fleet.outlook.edges.items():
            known = before.get(name)
            if known is None or known.state is health.state:
                assert known is None or known.since == health.since
                continue
            assert health.since == fleet.now
            # What passed before the first look in a state counts, and is at most a second.
            lasted = fleet.now - known.since + 1
            if (known.state, health.state) == (EdgeState.UP, EdgeState.DEGRADED):
                assert lasted >= RULES.bad_for
            if (known.state, health.state) == (EdgeState.DEGRADED, EdgeState.UP):
                assert lasted >= RULES.good_for
            if health.state in SERVING and known.state not in SERVING and known.memory.falls:
                assert fleet.now - health.memory.steady_since >= RULES.steady
            if health.state is EdgeState.UP and known.state not in SERVING and known.memory.served:
                assert health.share == RULES.first_share


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 8), st.sampled_from("ars"))))
@settings(max_examples=200)
def test_viewers_of_an_edge_that_flaps_do_not_flap(turns: list[tuple[int, int, str]]) -> None:
    """However it flaps, it begins to take viewers four times within any minute at most."""
    edge, known, now = Edge("eu-1"), None, 0
    began: list[int] = []
    for well, ill, how in [*turns, (1, 1, "s")]:
        for second in range(well + ill):
            now += 1
            edge.facts["ready"] = not (how == "a" and second >= well)
            if how == "r" and second == well:
                edge.run += 1
            if how != "s" or second < well:
                edge.sequence += 1
                edge.beat_at = now
            health = step(known, edge.signs(), now=now, rules=RULES)
            if health.state in SERVING and (known is None or known.state not in SERVING):
                began.append(now)
            known = health
    assert all(later - first >= 60 for first, later in zip(began, began[4:], strict=False))


@given(
    st.integers(4, 30),
    st.lists(st.floats(0, 1), max_size=100).map(sorted),
    st.lists(st.floats(0.05, 1), min_size=1, max_size=20),
)
@settings(max_examples=50)
def test_warming_is_monotone_and_ends(away: int, held: list[float], pauses: list[float]) -> None:
    edge = Edge("eu-1", beat_at=0.0)
    known = step(None, edge.signs(), now=0.0, rules=RULES)
    known = step(known, edge.signs(), now=float(away), rules=RULES)
    assert known.state is EdgeState.DOWN
    now = float(away)
    shares = [0.0]
    for number in range(3000):
        pause = pauses[number % len(pauses)]
        now += pause
        if shares[-1] == 1:
            break
        edge.sequence += 1
        edge.beat_at = now
        edge.held = held[number] if number < len(held) else 1.0
        known = step(known, edge.signs(), now=now, rules=RULES)
        assert known.share <= max(shares[-1], RULES.first_share) + pause / RULES.warm_up
        shares.append(known.share)
    assert shares == sorted(shares)
    assert shares[-1] == 1


@given(MOMENTS, st.lists(st.floats(0, 1e9), min_size=1, max_size=5))
@settings(max_examples=30)
def test_a_clock_that_leaps_breaks_nothing(
    moments: list[tuple[float, list[tuple[str, tuple[str, Any]]]]], jumps: list[float]
) -> None:
    """As the monotonic clock of a machine that slept may; health is of use again soon after."""
    fleet = Fleet()
    for number, (seconds, happened) in enumerate(moments):
        if number < len(jumps):
            fleet.now += jumps[number]
        fleet.go_on(seconds, happened)
    for edge in fleet.edges.values():
        edge.facts, edge.beats = {"purges": 6}, True
        edge.standing, edge.probes = EdgeStanding.IN_SERVICE, {}
        edge.beat_at = fleet.now
    for _ in range(120):
        fleet.go_on(1.0, [])

    assert {health.state for health in fleet.outlook.edges.values()} == {EdgeState.UP}


BEATS = st.builds(
    lambda run, sequence, other: heartbeat(
        "eu-1",
        sequence,
        started_at=run,
        url=f"https://{'other' if other else 'eu-1'}.example.org",
    ),
    st.sampled_from([100.0, 200.0, 300.0]),
    st.integers(1, 20),
    st.booleans(),
)


@given(st.lists(BEATS, max_size=60), st.data())
@settings(max_examples=200)
def test_replays_and_namesakes_never_take_the_place_of_what_reports(
    beats: list[Heartbeat], data: st.DataObject
) -> None:
    known: Heartbeat | None = None
    taken: list[Heartbeat] = []
    for beat in beats:
        replay = data.draw(st.sampled_from([*taken, beat]))
        try:
            news = known is None or accepts(known, 0.0, replay, now=1.0, silence=RULES.silence)
        except EdgeNameTaken:
            assert known is not None
            assert (replay.url, replay.started_at) != (known.url, known.started_at)
            continue
        if news:
            taken.append(replay)
            known = replay

    for before, after in itertools.pairwise(taken):
        assert after.url == before.url
        assert (after.started_at, after.sequence) > (before.started_at, before.sequence)

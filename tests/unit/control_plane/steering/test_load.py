"""Sessions and the load of edges: who has too much to do gives up some, slowly, to who has room."""

from collections import Counter, deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from control_plane.routing import EdgeFacts, Turn
from control_plane.routing.load import BEGINS, LIMITS, limit
from control_plane.steering import Ranks, Session, Steering, SteeringSettings, Words, steer
from control_plane.steering.moving import Why
from control_plane.steering.rooms import AT_ONCE, Rooms
from tests.unit.control_plane.steering.test_decide import MANY, NOW, VERSION, crowd, edge, on

RULES = SteeringSettings()
LATE = 6
"""Seconds that what edges tell of their load is old."""


def loaded(name: str, load: float, *, holds: bool = True, capacity: float = 1.0) -> EdgeFacts:
    return replace(edge(name, holds=holds), load=load, capacity=capacity)


def told(session: Session, *fleet: EdgeFacts, now: float = NOW) -> Steering:
    return steer(session, Words(session.edge), Ranks(fleet, VERSION), now, RULES)


def places(sessions: list[Session], *fleet: EdgeFacts) -> Counter[str]:
    return Counter(told(session, *fleet).session.edge for session in sessions)


def test_sessions_of_an_edge_that_is_gone_spread_by_what_the_others_can_do() -> None:
    found = places(crowd("eu-1"), loaded("eu-2", 0.3), loaded("eu-3", 0.3, capacity=3.0))

    assert found["eu-3"] / MANY == pytest.approx(0.75, abs=0.03)


def test_an_edge_that_leaves_viewers_to_others_gets_fewer_of_them() -> None:
    # It takes a quarter of those who come to it: its limit is 0.8, as the other has little to do.
    found = places(crowd("eu-1"), loaded("eu-2", 0.2), loaded("eu-3", 0.775))

    assert found["eu-3"] / MANY == pytest.approx(0.2, abs=0.03)


def test_an_edge_that_takes_nobody_gets_none_of_them_and_is_the_last_to_flee_to() -> None:
    fleet = (loaded("eu-2", 0.9), loaded("eu-3", 0.2), loaded("us-1", 0.2))
    tolds = [told(session, *fleet) for session in crowd("eu-1")]

    assert {steering.session.edge for steering in tolds} == {"eu-3"}
    assert all(steering.priority[:3] == ["eu-3", "us-1", "eu-2"] for steering in tolds)


def test_an_edge_of_the_region_fetches_before_one_that_has_too_much_to_do_gets_more() -> None:
    found = places(crowd("eu-1"), loaded("eu-2", 0.9), loaded("eu-3", 0.2, holds=False))

    assert set(found) == {"eu-3"}


def test_where_all_is_full_not_all_go_to_one() -> None:
    fleet = [replace(loaded(name, 0.99), turn=Turn.FULL) for name in ("eu-2", "eu-3", "us-1")]
    found = places(crowd("eu-1"), *fleet)

    assert min(found[one.edge_id] for one in fleet) / MANY == pytest.approx(1 / 3, abs=0.03)


def test_of_the_sessions_of_an_edge_that_has_too_much_to_do_a_few_leave_at_a_time() -> None:
    # Half of what is above its limit, 0.8, of what it does.
    fleet = (loaded("eu-1", 1.0), loaded("eu-2", 0.3))
    tolds = [told(session, *fleet) for session in crowd("eu-1")]
    busy = [steering for steering in tolds if steering.why is Why.BUSY]

    assert len(busy) / MANY == pytest.approx(0.1, abs=0.02)
    assert {steering.session.edge for steering in busy} == {"eu-2"}
    assert {steering.why for steering in tolds} == {Why.BUSY, Why.STAYS}


def test_others_leave_the_next_time() -> None:
    fleet = (loaded("eu-1", 1.0), loaded("eu-2", 0.3))
    first, second = (
        {one.name for one in crowd("eu-1") if told(one, *fleet, now=now).why is Why.BUSY}
        for now in (NOW, NOW + 17)
    )

    assert len(first & second) < len(first) / 2


@pytest.mark.parametrize(
    ("own", "other", "region"),
    [
        # It takes fewer new ones, which is enough.
        (0.79, 0.1, "eu"),
        # The others have as much to do.
        (0.9, 0.9, "eu"),
        (0.94, 0.8, "eu"),
        # There is nobody with room.
        (1.4, 1.3, "us"),
    ],
)
def test_no_session_leaves_where_that_would_help_nobody(
    own: float, other: float, region: str
) -> None:
    fleet = (loaded("eu-1", own), loaded(f"{region}-2", other))

    assert set(places(crowd("eu-1"), *fleet)) == {"eu-1"}


def test_no_session_leaves_for_its_load_an_edge_that_it_has_only_just_come_to() -> None:
    fleet = (loaded("eu-1", 3.0), loaded("eu-2", 0.1))
    came = crowd("eu-1", since=int(NOW) - 59)

    assert set(places(came, *fleet)) == {"eu-1"}


def test_no_session_is_called_back_to_an_edge_that_may_soon_give_it_up_again() -> None:
    away = crowd("us-1")

    assert set(places(away, loaded("eu-1", 0.69), loaded("us-1", 0.1))) == {"eu-1"}
    assert set(places(away, loaded("eu-1", 0.71), loaded("us-1", 0.1))) == {"us-1"}


def test_no_session_goes_far_as_its_own_region_is_full_for_it() -> None:
    # For its viewer, another region comes first now.
    full = replace(loaded("eu-1", 0.9), turn=Turn.FULL)

    assert told(on("eu-1"), loaded("us-1", 0.1), full).why is Why.STAYS


FLEETS = st.lists(
    st.tuples(st.floats(0, 3), st.floats(0.1, 10), st.floats(0.01, 1)), min_size=1, max_size=6
)


@given(FLEETS)
def test_who_takes_sessions_gives_none_up_and_who_gives_them_up_takes_none(
    fleet: list[tuple[float, float, float]],
) -> None:
    edges = [
        replace(edge(f"eu-{number}", share), load=load, capacity=capacity)
        for number, (load, capacity, share) in enumerate(fleet)
    ]
    rooms = Rooms(edges)
    for one in edges:
        takes, sheds = rooms.takes(one), rooms.sheds(one)
        assert 0 <= takes <= one.share
        assert 0 <= sheds <= AT_ONCE
        assert not (takes and sheds)
        if one.load <= BEGINS:
            assert (takes, sheds) == (one.share, 0)
        if one.load > LIMITS[1]:
            assert takes == 0 < sheds


class Crowded:
    """Edges of one region and sessions on them, each of which asks about every twenty seconds."""

    def __init__(self, capacities: list[float], sessions: int, load: float, at: int) -> None:
        self.names = [f"eu-{number}" for number in range(len(capacities))]
        self.capacities = dict(zip(self.names, capacities, strict=True))
        self.each = load * self.capacities[self.names[at]] / sessions
        self.sessions = crowd(self.names[at])[:sessions]
        self.due = [number % RULES.ttl for number in range(sessions)]
        self.moves = Counter[str]()
        self.history: deque[dict[str, float]] = deque([self.loads()] * LATE, LATE)

    def loads(self) -> dict[str, float]:
        """What each edge carries."""
        on_edge = Counter(session.edge for session in self.sessions)
        return {name: on_edge[name] * self.each / self.capacities[name] for name in self.names}

    def second(self, now: int) -> None:
        """Those ask whose time has come, by what the edges told before."""
        known = self.history[0]
        fleet = [loaded(name, known[name], capacity=self.capacities[name]) for name in self.names]
        for number, session in enumerate(self.sessions):
            if self.due[number] <= now:
                steering = told(session, *fleet, now=NOW + now)
                self.sessions[number] = steering.session
                self.due[number] = now + steering.seconds
                self.moves[session.name] += steering.session.edge != session.edge
        self.history.append(self.loads())


@settings(max_examples=5, deadline=None)
@given(st.floats(0.5, 1), st.lists(st.floats(1, 2), min_size=2, max_size=3), st.floats(0.9, 1.4))
def test_what_an_edge_has_too_much_goes_to_the_others_and_stays_there(
    capacity: float, room: list[float], load: float
) -> None:
    world = Crowded([capacity, *room], 250, load, 0)
    before = world.loads()["eu-0"]
    for now in range(160):
        world.second(now)
        after = world.loads()["eu-0"]
        # No herd, and nobody comes back.
        assert before - after <= AT_ONCE * before
        before = after

    loads = world.loads()
    others = sum(loads[name] * world.capacities[name] for name in world.names[1:])
    bound = limit(others / sum(room))
    # Each session is some hundredths of a load.
    assert loads["eu-0"] <= bound + 0.1
    assert loads["eu-0"] >= bound - 0.15
    assert max(world.moves.values()) <= 1

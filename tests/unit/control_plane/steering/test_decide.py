"""Where sessions go on: they stay, they leave edges that fail, and they spread over the others."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from common.hls import HERE
from control_plane.routing import EdgeFacts, Estimate
from control_plane.steering import Ranks, Session, Steering, SteeringSettings, Words, steer
from control_plane.steering.moving import Why

NOW = 1_800_000_000.0
RULES = SteeringSettings()
MANY = 3000
VERSION = "2"


def edge(name: str, share: float = 1.0, *, holds: bool = True) -> EdgeFacts:
    region = name.partition("-")[0]
    return EdgeFacts(name, region, f"https://{name}.example.org", holds, share)


def edges(*names: str) -> list[EdgeFacts]:
    return [edge(name) for name in names]


FLEET = edges("eu-1", "eu-2", "eu-3", "us-1", "us-2")


def on(name: str, session: str = "a-session", **besides: Any) -> Session:
    """A session that has been on an edge for a day."""
    return replace(
        Session(session),
        **{"edge": name, "since": int(NOW) - 86_400, "version": VERSION, **besides},
    )


def told(session: Session, fleet: Sequence[EdgeFacts], words: Words = Words()) -> Steering:  # noqa: B008 - it cannot be changed
    return steer(session, words, Ranks(fleet, VERSION), NOW, RULES)


def places(sessions: Sequence[Session], fleet: Sequence[EdgeFacts]) -> Counter[str]:
    return Counter(told(session, fleet).session.edge for session in sessions)


def crowd(name: str, **besides: Any) -> list[Session]:
    return [on(name, f"session-{number:05}", **besides) for number in range(MANY)]


WORLDS = st.lists(
    st.builds(
        edge,
        st.from_regex(r"(eu|us|ap)-[1-5]", fullmatch=True),
        st.floats(0.01, 1),
        holds=st.booleans(),
    ),
    min_size=1,
    unique_by=lambda one: one.edge_id,
)
PATHWAYS = st.sampled_from(["", HERE, "eu-1", "eu-2", "us-1", "nowhere"])
WORDS = st.builds(
    Words,
    PATHWAYS,
    st.none() | st.floats(1, 1e9),
    st.none() | st.floats(0, 60),
    starved=st.booleans(),
)
SESSIONS = st.builds(
    Session,
    st.sampled_from(["one-of-them", "another-one", "a-third-one"]),
    st.sampled_from(["", "eu-1", "eu-2", "us-1", "gone"]),
    st.integers(int(NOW) - 1000, int(NOW)) | st.just(0),
    st.integers(1, 100),
    st.dictionaries(st.sampled_from(["eu-1", "eu-2", "us-1"]), st.just(int(NOW) - 5)),
)


@given(SESSIONS, WORDS, WORLDS)
def test_whatever_a_player_says_its_manifest_is_valid(
    session: Session, words: Words, fleet: list[EdgeFacts]
) -> None:
    steering = steer(session, words, Ranks(fleet, VERSION), NOW, RULES)

    priority = steering.priority
    assert sorted(set(priority)) == sorted(priority)
    assert HERE in priority
    assert {one.edge_id for one in steering.edges} == set(priority) - {HERE}
    assert 0 < len(steering.edges) <= RULES.clones
    if len({one.region for one in fleet}) > 1:
        assert len({one.region for one in steering.edges}) > 1
    assert 1 <= steering.seconds <= RULES.ttl
    assert steering.session.name == session.name
    assert steering.session.since > 0


def test_a_player_that_begins_keeps_its_edge_and_knows_where_to_go_when_that_fails() -> None:
    first = told(Session("a-session"), FLEET, Words(HERE))

    assert first.why is Why.NEW
    assert first.priority[0] == HERE
    assert set(first.priority[1:3]) == {"eu-2", "eu-3"}
    assert first.priority[-1] == "eu-1"


def test_then_it_is_sent_to_the_best_edge_by_name() -> None:
    first = told(Session("a-session"), FLEET, Words(HERE))
    second = told(first.session, FLEET, Words(HERE))

    assert second.why is Why.KNOWN
    assert second.priority[0] == second.session.edge == "eu-1"
    assert second.priority[-1] == HERE


def test_where_no_edge_can_be_a_pathway_a_player_keeps_what_it_has() -> None:
    steering = told(on("eu-1"), [])

    assert steering.priority == [HERE]
    assert steering.session == on("eu-1")


def test_a_session_stays_on_an_edge_that_is_not_among_the_best_few() -> None:
    ranks = Ranks(FLEET[:2], VERSION, {"eu-9": edge("eu-9")}.get)
    steering = steer(on("eu-9"), Words("eu-9"), ranks, NOW, RULES)

    assert (steering.why, steering.priority[0]) == (Why.STAYS, "eu-9")


def test_a_session_leaves_an_edge_that_can_be_no_pathway() -> None:
    fleet = [*FLEET[1:], structs.replace(edge("eu-1"), url="https://eu-1.example.org:8443")]

    assert told(on("eu-1"), fleet, Words("eu-1")).why is Why.GONE


@given(st.permutations(FLEET), st.sampled_from(["eu-1", "eu-2", "eu-3"]))
def test_a_session_stays_whatever_the_ranks_within_its_region(
    fleet: list[EdgeFacts], name: str
) -> None:
    nearest = [one for one in fleet if one.region == "eu"]
    farther = [one for one in fleet if one.region == "us"]

    steering = told(on(name), nearest + farther, Words(name))

    assert (steering.why, steering.priority[0]) == (Why.STAYS, name)


@settings(max_examples=40)
@given(st.lists(st.tuples(WORLDS, WORDS), min_size=2, max_size=8), st.integers(1, 30))
def test_no_session_flaps(course: list[tuple[list[EdgeFacts], Words]], step: int) -> None:
    """Only an edge that is gone, gets less or has nothing is left soon after it was come to."""
    session, now = Session("a-session"), NOW
    for fleet, words in course:
        heard = replace(words, pathway=session.edge or HERE)
        steering = steer(session, heard, Ranks(fleet, VERSION), now, RULES)
        if steering.session.edge != session.edge and steering.why in {Why.BAD, Why.HOME}:
            assert now - session.since >= RULES.settle
        if steering.why is Why.STAYS:
            assert steering.session == session
        session, now = steering.session, now + step


@pytest.mark.parametrize("words", [Words("eu-1"), Words(), Words("eu-1", buffer=1.0)])
def test_every_session_of_an_edge_that_is_gone_gets_another_at_once(words: Words) -> None:
    for session in crowd("eu-1"):
        steering = told(session, FLEET[1:], words)
        assert steering.why is Why.GONE
        assert steering.session.edge == steering.priority[0]
        assert "eu-1" not in steering.priority
        assert steering.seconds <= RULES.ttl / 2


def test_they_spread_over_the_others_by_what_those_can_take() -> None:
    fleet = [edge("eu-2"), edge("eu-3", 0.5), edge("eu-4", 0.5), edge("us-1")]

    found = places(crowd("eu-1"), fleet)

    assert found["eu-2"] / MANY == pytest.approx(1 / 2, abs=0.03)
    assert found["eu-3"] / MANY == pytest.approx(1 / 4, abs=0.03)
    assert found["eu-4"] / MANY == pytest.approx(1 / 4, abs=0.03)


def test_a_region_that_has_little_left_gets_no_more_than_that() -> None:
    found = places(crowd("eu-1"), [edge("eu-2", 0.25), edge("us-1"), edge("us-2")])

    assert found["eu-2"] / MANY == pytest.approx(0.25, abs=0.03)
    assert found["us-1"] / MANY == pytest.approx(0.375, abs=0.04)


def test_players_that_have_just_begun_spread_too_when_their_edge_fails() -> None:
    sessions = [Session(session.name) for session in crowd("eu-1")]
    nexts = Counter(told(session, FLEET, Words(HERE)).priority[1] for session in sessions)

    assert nexts["eu-2"] / MANY == pytest.approx(0.5, abs=0.03)


def test_sessions_of_one_edge_go_on_to_different_ones_when_that_fails() -> None:
    nexts = Counter(told(session, FLEET, Words("eu-1")).priority[1] for session in crowd("eu-1"))

    assert nexts["eu-2"] / MANY == pytest.approx(0.5, abs=0.03)
    assert nexts["eu-3"] / MANY == pytest.approx(0.5, abs=0.03)


def test_what_has_to_be_fetched_is_fetched_by_one() -> None:
    fleet = [edge(f"eu-{number}", holds=False) for number in (2, 3, 4)]

    assert set(places(crowd("eu-1"), fleet)) == {"eu-2"}


@pytest.mark.parametrize(("before", "now", "stay"), [(100, 0.25, 0.25), (50, 0.25, 0.5)])
def test_of_the_sessions_of_an_edge_that_gets_less_as_many_leave(
    before: int, now: float, stay: float
) -> None:
    found = places(crowd("eu-1", share=before), [edge("eu-1", now), *FLEET[1:]])

    assert found["eu-1"] / MANY == pytest.approx(stay, abs=0.03)


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, MANY))
def test_who_stays_on_an_edge_stays_there_when_it_is_better(
    one: float, other: float, number: int
) -> None:
    session = on("eu-1", f"session-{number:05}")
    worse, better = (told(session, [edge("eu-1", s), *FLEET[1:]]) for s in sorted((one, other)))

    assert better.session.edge == "eu-1" or worse.session.edge != "eu-1"


def test_who_came_to_an_edge_by_its_share_is_not_sent_away_by_it() -> None:
    fleet = [edge("eu-2", 0.5), edge("eu-3")]
    came = [told(session, fleet).session for session in crowd("eu-1")]

    assert all(told(session, fleet).why is Why.STAYS for session in came)


def test_an_edge_that_holds_the_video_takes_over_from_one_that_does_not() -> None:
    steering = told(on("eu-2"), [edge("eu-1"), edge("eu-2", holds=False)])

    assert (steering.why, steering.session.edge) == (Why.FETCHES, "eu-1")


def test_who_plays_an_earlier_version_does_not_follow_the_copies_of_the_new_one() -> None:
    fleet = [edge("us-1"), edge("eu-1", holds=False), edge("eu-2", holds=False)]
    steering = told(on("eu-1", version="1"), fleet, Words("eu-1"))

    assert steering.why is Why.STAYS
    assert told(on("eu-1"), fleet, Words("eu-1")).why is Why.FETCHES


def test_a_player_that_has_gone_elsewhere_stays_there_and_does_not_come_back_soon() -> None:
    steering = told(on("eu-1"), FLEET, Words("eu-3"))

    assert steering.why is Why.STAYS
    assert steering.priority == ["eu-3", "eu-2", *steering.priority[2:4], "eu-1", HERE]
    assert steering.session.left == {"eu-1": int(NOW)}


def test_a_player_that_cannot_go_where_it_is_sent_is_sent_elsewhere() -> None:
    steering = told(on("eu-1"), FLEET, Words(HERE))

    assert steering.why is Why.LOST
    assert steering.session.edge in {"eu-2", "eu-3"}


def test_one_that_has_left_all_edges_gets_one_all_the_same() -> None:
    left = {one.edge_id: int(NOW) for one in FLEET}

    assert told(on("gone", left=left), FLEET).session.edge in left


@pytest.mark.parametrize(("stayed", "why"), [(59, Why.STAYS), (60, Why.BAD)])
def test_an_edge_that_starves_a_player_is_left_once_it_had_its_time(stayed: int, why: Why) -> None:
    session = on("eu-1", since=int(NOW) - stayed)
    steering = told(session, FLEET, Words("eu-1", starved=True))

    assert steering.why is why
    assert (steering.session.edge != "eu-1") is (why is Why.BAD)
    assert steering.seconds <= RULES.ttl / 2


def test_a_player_that_starves_everywhere_is_left_in_peace() -> None:
    session, now, seen = on("eu-1"), NOW, []
    for _ in range(10):
        words = Words(session.edge, starved=True)
        session = steer(session, words, Ranks(FLEET, VERSION), now, RULES).session
        seen.append(session.edge)
        now += RULES.settle / 4

    assert len(set(seen)) == 2


@pytest.mark.parametrize(
    ("words", "known", "expected"),
    [
        # Others starve there too.
        (Words("eu-1"), {"eu-1": (9e6, 0.5)}, True),
        (Words("eu-1"), {"eu-1": (9e6, 0.1)}, False),
        # Others in its network starve everywhere.
        (
            Words("eu-1", starved=True),
            dict.fromkeys(("eu-2", "eu-3", "us-1", "us-2"), (1000000.0, 0.5)),
            False,
        ),
        # Another edge gives three times as much.
        (Words("eu-1", 3e6), {"eu-2": (9e6, 0.0)}, True),
        (Words("eu-1", 3e6), {"eu-2": (8e6, 0.0)}, False),
        (Words("eu-1", 30e6), {"eu-2": (900e6, 0.0)}, False),
    ],
)
def test_what_others_in_its_network_tell_counts(
    words: Words, known: dict[str, tuple[float, float]], expected: bool
) -> None:
    def estimates(edge_id: str) -> Estimate | None:
        return Estimate(*known[edge_id], weight=10.0) if edge_id in known else None

    steering = steer(on("eu-1"), words, Ranks(FLEET, VERSION), NOW, RULES, estimates)

    assert (steering.why is Why.BAD) is expected


@pytest.mark.parametrize(("stayed", "why"), [(299, Why.STAYS), (300, Why.HOME)])
def test_a_session_comes_home_to_its_region_after_a_while(stayed: int, why: Why) -> None:
    steering = told(on("us-1", since=int(NOW) - stayed), FLEET, Words("us-1"))

    assert steering.why is why


def test_sessions_that_ask_in_one_second_do_not_come_back_in_one() -> None:
    seconds = Counter(told(session, FLEET).seconds for session in crowd("eu-1"))

    assert set(seconds) == {15, 16, 17, 18, 19}
    assert max(seconds.values()) < 0.25 * MANY

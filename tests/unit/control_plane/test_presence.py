import math
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.messages import MessageInvalid
from common.messages.edges import Watched
from control_plane.presence import OLDEST, Found, Heard, Presence, age_of, decoded, encoded
from tests.unit.control_plane.records import heartbeat


@dataclass
class Finding:
    at: float = 5.0
    reached_at: float = 4.0
    failures: int = 2
    refused: bool = True
    wrong: bool = False


def presence(edges: int, findings: int = 0) -> Presence:
    return Presence(
        "control-1",
        tuple(Heard(heartbeat(f"eu-{number}"), 0.5) for number in range(edges)),
        tuple(Found(f"us-{number}", 1.0, None, number) for number in range(findings)),
    )


@given(st.integers(0, 60), st.integers(0, 60), st.integers(900, 10_000))
def test_all_of_it_arrives_in_messages_that_are_small_enough(
    edges: int, findings: int, at_most: int
) -> None:
    told = presence(edges, findings)
    bodies = list(encoded(told, at_most=at_most))
    read = [decoded(body) for body in bodies]

    assert all(len(body) <= at_most for body in bodies)
    assert all(each.monitor == told.monitor for each in read)
    assert tuple(heard for each in read for heard in each.heard) == told.heard
    assert tuple(found for each in read for found in each.found) == told.found


def test_nothing_to_tell_is_no_message() -> None:
    assert list(encoded(presence(0), at_most=1000)) == []


def test_what_does_not_fit_alone_takes_nothing_else_with_it() -> None:
    long = heartbeat("eu-long", url="https://" + "x" * 500)
    told = Presence("c", (Heard(heartbeat("eu-1"), 0.0), Heard(long, 0.0), *presence(1).heard))

    read = [decoded(body) for body in encoded(told, at_most=600)]
    assert [each.heartbeat.edge_id for part in read for each in part.heard] == ["eu-1", "eu-0"]


def test_what_was_watched_is_counted_by_the_one_that_heard_it() -> None:
    told = heartbeat(watched=(Watched("a", 1, 1000),))

    assert Heard.of(told, 1.0, 2.5) == Heard(heartbeat(), 1.5)


@given(st.floats(-1e9, 1e9), st.floats(0, OLDEST), st.floats(-1e9, 1e9), st.floats(0, 10))
def test_clocks_that_differ_do_not_matter(
    theirs: float, ago: float, mine: float, on_the_way: float
) -> None:
    told = Heard.of(heartbeat(), theirs - ago, theirs)
    found = Found.of("eu-1", Finding(at=theirs, reached_at=theirs - ago), theirs)
    (body,) = encoded(Presence("c", (told,), (found,)), at_most=10_000)
    read = decoded(body)
    now = mine + on_the_way

    for at in (now - read.heard[0].age, read.found[0].reached_at(now)):
        assert mine - ago == pytest.approx(at - on_the_way, abs=1e-5)


@pytest.mark.parametrize(
    ("at", "now", "age"), [(5.0, 7.0, 2.0), (7.0, 5.0, 0.0), (-1e9, 5.0, OLDEST)]
)
def test_ages_are_within_bounds(at: float, now: float, age: float) -> None:
    assert age_of(at, now) == age


def test_how_an_edge_was_found_is_told() -> None:
    told = Found.of("eu-1", Finding(), 6.0)

    assert told == Found("eu-1", 1.0, 2.0, 2, refused=True, wrong=False)
    assert told.reached_at(100.0) == 98.0


def test_an_edge_that_never_answered_was_reached_never() -> None:
    told = Found.of("eu-1", Finding(reached_at=-math.inf), 6.0)

    assert told.reached_age is None
    assert told.reached_at(100.0) == -math.inf


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{}",
        msgspec.msgpack.encode(["../etc", [], []]),
        msgspec.msgpack.encode(["c", [], [["eu-1", -1.0, None]]]),
        msgspec.msgpack.encode(["c", [], [["eu-1", math.nan, None]]]),
        msgspec.msgpack.encode(["c", [[{"edge_id": "eu-1"}, 1.0]], []]),
    ],
)
def test_rubbish_is_told_in_a_sentence(body: bytes) -> None:
    with pytest.raises(MessageInvalid, match="is not a valid Presence"):
        decoded(body)

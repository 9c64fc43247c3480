"""Whom to ask for a key, after what became of earlier requests."""

from edge.policy.origin_health import FAILURES, FIRST_PAUSE
from edge.policy.standing import (
    LEFT_ALONE,
    MOST_SPOILED,
    SPOILED_FOR,
    Route,
    Source,
    Standing,
)

SHIELD = Source("s", "eu-1", "shield")
PEER = Source("p", "eu-2", "peer")
ORIGIN = Source("o", "origin")
SECOND = Source("q", "second")
BEFORE = Route(before=(SHIELD, PEER))
AFTER = Route(after=(PEER,))


def order(standing: Standing[str], key: str = "k", now: float = 0.0) -> list[str]:
    return [one.place for one in standing.order(key, (ORIGIN, SECOND), BEFORE, now)]


def test_edges_are_asked_before_the_origins_or_after_them() -> None:
    standing = Standing[str]()
    after = standing.order("k", (ORIGIN,), AFTER, 0.0)

    assert order(standing) == ["s", "p", "o", "q"]
    assert [one.place for one in after] == ["o", "p"]
    assert standing.order("k", (ORIGIN,), Route(), 0.0) == [ORIGIN]


def test_an_edge_is_left_alone_after_one_failure_and_an_origin_after_several() -> None:
    standing = Standing[str]()
    standing.failed(SHIELD, "away", 0.0)
    standing.failed(ORIGIN, "away", 0.0)
    assert order(standing) == ["p", "o", "q"]

    for _ in range(FAILURES - 1):
        standing.failed(ORIGIN, "away", 0.0)
    assert order(standing) == ["p", "q"]
    assert order(standing, now=FIRST_PAUSE) == ["s", "p", "o", "q"]


def test_an_origin_is_asked_though_all_are_down_and_edges_are_not() -> None:
    standing = Standing[str]()
    for number in range(FAILURES):
        standing.failed(SECOND, "away", number)
        standing.failed(ORIGIN, "away", number + 0.1)

    assert order(standing, now=2.2) == ["s", "p", "q"]


def test_who_broke_off_in_a_keys_midst_is_asked_last_for_that_key() -> None:
    standing = Standing[str]()
    standing.broke("k", ORIGIN, 0.0)

    assert order(standing, "k") == ["s", "p", "q", "o"]
    assert order(standing, "other") == ["s", "p", "o", "q"]
    assert order(standing, "k", SPOILED_FOR) == ["s", "p", "o", "q"]


def test_an_edge_that_sent_wrong_bytes_is_left_alone_and_an_origin_for_that_key_alone() -> None:
    standing = Standing[str]()
    standing.lied("k", SHIELD, 0.0)
    standing.lied("k", ORIGIN, 0.0)

    assert order(standing, "k") == ["p", "q", "o"]
    assert order(standing, "other", LEFT_ALONE - 0.1) == ["p", "o", "q"]
    assert order(standing, "other", LEFT_ALONE) == ["s", "p", "o", "q"]


def test_an_edge_that_says_it_has_something_else_is_well() -> None:
    standing = Standing[str]()
    standing.differs("k", SHIELD, 0.0)

    assert order(standing, "k") == ["p", "o", "q", "s"]
    assert order(standing, "other") == ["s", "p", "o", "q"]


def test_failures_are_counted_by_their_reason() -> None:
    standing = Standing[str]()
    standing.failed(SHIELD, "away", 0.0)
    standing.broke("k", ORIGIN, 0.0)
    standing.lied("k", PEER, 0.0)

    assert standing.failures == {"away": 1, "broke": 1, "wrong": 1}


def test_of_no_more_keys_is_it_remembered_who_failed_than_there_is_room_for() -> None:
    standing = Standing[str]()
    for number in range(MOST_SPOILED + 10):
        standing.differs(str(number), ORIGIN, 0.0)

    assert order(standing, "0") == ["s", "p", "o", "q"]
    assert order(standing, "10") == ["s", "p", "q", "o"]

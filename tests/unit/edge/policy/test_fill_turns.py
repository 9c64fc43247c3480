"""When packages have their turns: in the window, and not while everything fails."""

from datetime import UTC, datetime

import pytest

from common.messages import DesiredPackage, PackageName
from edge.policy.fill_turns import FIRST_REST, LONGEST_REST, LOOK_AT_WINDOW, REST_AFTER, FillTurns
from edge.policy.fill_window import FillPlan, FillWindow

NIGHT = FillPlan(FillWindow.of("02:00-06:00", UTC))
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()
ALMOST = datetime(2026, 11, 27, 1, 59, 30, tzinfo=UTC).timestamp()
OPEN = datetime(2026, 11, 27, 2, tzinfo=UTC).timestamp()


def package(version: str, *, urgent: bool = False) -> DesiredPackage:
    return DesiredPackage("a", version, "v/m", "ab" * 32, 1, urgent=urgent)


def named(version: str) -> PackageName:
    return PackageName("a", version)


def test_outside_the_window_only_what_is_urgent_has_a_turn() -> None:
    turns = FillTurns(NIGHT)
    turns.put(package("1"), 0.0, 100.0)

    assert turns.first(100.0, NOON) is None
    turns.put(package("0", urgent=True), 0.0, 100.0)
    assert turns.first(100.0, NOON) == named("0")
    turns.remove(named("0"))
    assert turns.first(100.0, NOON) is None
    assert turns.first(100.0, OPEN) == named("1")


def test_whoever_does_what_is_urgent_has_no_turn_with_the_rest() -> None:
    turns = FillTurns(FillPlan())
    turns.put(package("1"), 0.0, 100.0)

    assert turns.first(100.0, NOON, urgent_only=True) is None
    turns.put(package("0", urgent=True), 0.0, 100.0)
    assert turns.first(100.0, NOON, urgent_only=True) == named("0")


def test_what_waits_for_the_window_has_it_looked_at_when_it_opens_and_now_and_then() -> None:
    turns = FillTurns(NIGHT)
    assert turns.wait(100.0, NOON) is None
    turns.put(package("1"), 0.0, 100.0)

    assert turns.wait(100.0, NOON) == LOOK_AT_WINDOW
    assert turns.wait(100.0, ALMOST) == 30


def test_a_package_that_has_to_wait_does_so() -> None:
    turns = FillTurns(FillPlan())
    turns.put(package("1"), 103.0, 100.0)

    assert turns.first(102.9, NOON) is None
    assert turns.wait(100.0, NOON) == 3.0
    assert turns.first(103.0, NOON) == named("1")


def test_after_failures_in_a_row_there_is_a_rest_that_grows() -> None:
    turns, now, rests = FillTurns(FillPlan()), 100.0, []
    turns.put(package("1"), 0.0, now)
    for _ in range(REST_AFTER - 1):
        turns.failed(now)
        assert turns.first(now, NOON) == named("1")
    for _ in range(10):
        turns.failed(now)
        # What was under way says nothing new.
        turns.failed(now)
        assert turns.first(now, NOON) is None
        rests.append(turns.wait(now, NOON))
        now += rests[-1] or 0.0
        assert turns.first(now, NOON) == named("1")

    assert rests[:3] == pytest.approx([FIRST_REST, FIRST_REST * 2, FIRST_REST * 4])
    assert rests[-1] == pytest.approx(LONGEST_REST)


def test_whatever_comes_ends_the_row_and_news_end_the_rest() -> None:
    turns = FillTurns(FillPlan())
    turns.put(package("1"), 0.0, 100.0)
    for _ in range(REST_AFTER):
        turns.failed(100.0)
    assert turns.first(100.0, NOON) is None

    turns.hurry()
    assert turns.first(100.0, NOON) == named("1")
    turns.came()
    for _ in range(REST_AFTER - 1):
        turns.failed(101.0)
    assert turns.first(101.0, NOON) == named("1")


def test_what_comes_during_a_rest_ends_it_as_others_only_lack_what_failed() -> None:
    turns = FillTurns(FillPlan())
    turns.put(package("new", urgent=True), 0.0, 100.0)
    assert not turns.came()
    for _ in range(REST_AFTER):
        turns.failed(100.0)
    assert turns.first(100.0, NOON) is None

    assert turns.came()
    assert turns.first(100.0, NOON) == named("new")
    assert not turns.came()

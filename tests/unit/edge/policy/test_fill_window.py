"""When an edge may fill itself: by the clock on the wall, on days when it is changed too."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from edge.policy.fill_window import FillPlan, FillWindow

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> float:
    """POSIX seconds of what the clock on the wall shows; ``fold`` tells the second of two."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


@pytest.mark.parametrize(
    ("window", "clock", "is_open"),
    [
        ("02:00-14:00", "01:59", False),
        ("02:00-14:00", "02:00", True),
        ("02:00-14:00", "13:59:59", True),
        ("02:00-14:00", "14:00", False),
        ("22:00-06:30", "21:59", False),
        ("22:00-06:30", "22:00", True),
        ("22:00-06:30", "00:00", True),
        ("22:00-06:30", "06:29", True),
        ("22:00-06:30", "06:30", False),
        ("05:00-05:00", "05:00", True),
        ("05:00-05:00", "04:59", True),
    ],
)
def test_a_window_is_open_from_its_first_minute_to_before_its_last(
    window: str, clock: str, is_open: bool
) -> None:
    assert FillWindow.of(window, BERLIN).is_open(at(f"2026-11-27 {clock}")) is is_open


def test_each_zone_has_its_own_hours() -> None:
    noon = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()

    assert FillWindow.of("02:00-14:00", BERLIN).is_open(noon)
    assert not FillWindow.of("02:00-14:00", ZoneInfo("Asia/Tokyo")).is_open(noon)


def test_an_hour_that_spring_leaves_out_is_in_no_window() -> None:
    window = FillWindow.of("02:10-02:50", BERLIN)
    day_before, night = at("2026-03-28 12:00"), at("2026-03-29 00:00")

    assert not any(window.is_open(night + minute * 60) for minute in range(600))
    assert window.opens(day_before) == at("2026-03-30 02:10")


def test_a_window_whose_start_spring_leaves_out_opens_with_the_next_hour() -> None:
    window = FillWindow.of("02:30-05:00", BERLIN)

    assert window.opens(at("2026-03-29 01:00")) == at("2026-03-29 03:00")


def test_an_hour_that_autumn_has_twice_is_in_the_window_twice() -> None:
    window = FillWindow.of("02:00-03:00", BERLIN)
    first, second = at("2026-10-25 02:30"), at("2026-10-25 02:30", fold=1)

    assert second - first == 3600
    assert window.is_open(first)
    assert window.is_open(second)


def test_a_window_that_is_open_opens_now_and_another_one_when_its_hour_comes() -> None:
    window = FillWindow.of("22:00-06:30", BERLIN)

    assert window.opens(at("2026-11-27 23:15:10")) == at("2026-11-27 23:15:10")
    assert window.opens(at("2026-11-27 12:00:10")) == at("2026-11-27 22:00")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_a_window_opens_at_the_first_minute_that_is_in_it(zone: str) -> None:
    there = ZoneInfo(zone)
    window = FillWindow.of("02:15-02:25", there)
    for day in (1, 100, 200, 300):
        now = at("2026-01-01 10:00", there) + day * 86400
        opening = window.opens(now)

        assert window.is_open(opening)
        assert not window.is_open(opening - 1)
        assert opening - now < 2 * 86400


def test_without_a_window_filling_never_waits() -> None:
    assert FillPlan().wait(at("2026-11-27 12:00"), 60) == 0
    assert FillPlan().bytes_per_second(0) == 0


def test_outside_the_window_nothing_is_filled_unless_a_rate_says_how_fast() -> None:
    window = FillWindow.of("02:00-14:00", BERLIN)
    evening, morning = at("2026-11-27 20:00"), at("2026-11-27 08:00")
    closed, slow = FillPlan(window, 8_000), FillPlan(window, 8_000, 800)

    assert (closed.allows(morning), closed.allows(evening)) == (True, False)
    assert [closed.wait(evening, most) for most in (60, 86400)] == [60, 6 * 3600]
    assert (slow.allows(evening), slow.wait(evening, 60)) == (True, 0)
    assert (slow.bytes_per_second(morning), slow.bytes_per_second(evening)) == (1000, 100)

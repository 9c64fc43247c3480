"""How often edges are told of purges."""

from control_plane.purge.pace import ANSWERS_AT_ONCE, ANSWERS_PER_SECOND, Pace


def test_a_purge_now_and_then_is_told_at_once() -> None:
    pace = Pace(0.0)
    for turn in range(100):
        now = turn * 0.1
        assert pace.delay(100, now) == 0
        pace.tell(100, now)


def test_in_a_storm_answers_keep_to_their_rate() -> None:
    pace = Pace(0.0)
    now, answers = 0.0, 0
    while now < 10:
        now += max(pace.delay(100, now), 0.001)
        pace.tell(100, now)
        answers += 100

    assert answers <= ANSWERS_AT_ONCE + 10 * ANSWERS_PER_SECOND + 200
    assert answers >= 9 * ANSWERS_PER_SECOND


def test_a_fleet_that_is_larger_than_what_can_be_saved_up_is_told_too() -> None:
    pace = Pace(0.0)
    assert pace.delay(5000, 0.0) == 0
    pace.tell(5000, 0.0)

    later = pace.delay(5000, 0.0)
    assert 0 < later <= 5000 / ANSWERS_PER_SECOND + 0.01
    assert pace.delay(5000, later + 0.01) == 0

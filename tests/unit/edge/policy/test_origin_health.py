"""When an origin is left alone, for how long, and which one is asked meanwhile."""

from edge.policy.origin_health import (
    FAILURES,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    Health,
    order_to_try,
)


def down(at: float = 0.0) -> Health:
    """An origin that went down ``at`` that time."""
    health = Health()
    for _ in range(FAILURES):
        health.began()
        health.failed(at)
    return health


def failed_trial(health: Health) -> float:
    """Tries ``health`` as soon as it may be tried, in vain; when that was."""
    at = health.down_until
    health.began()
    health.failed(at)
    return at


def test_an_origin_nobody_asked_is_usable() -> None:
    assert Health().usable(0)


def test_an_origin_stays_usable_until_its_third_failure_in_a_row() -> None:
    health = Health()
    health.failed(0)
    health.failed(0)

    assert health.usable(0)


def test_the_third_failure_in_a_row_takes_an_origin_down() -> None:
    assert not down().usable(0)


def test_a_success_between_failures_starts_the_count_again() -> None:
    health = Health()
    health.failed(0)
    health.failed(0)
    health.succeeded()
    health.failed(0)
    health.failed(0)

    assert health.usable(0)


def test_an_origin_that_is_down_is_left_alone_for_five_seconds() -> None:
    health = down(at=100)

    assert (health.usable(104.9), health.usable(105)) == (False, True)


def test_only_one_request_at_a_time_tries_an_origin_that_was_down() -> None:
    health = down()
    health.began()

    assert not health.usable(FIRST_PAUSE)


def test_a_trial_that_ends_for_other_reasons_lets_the_next_one_try() -> None:
    health = down()
    health.began()
    health.abandoned()

    assert health.usable(FIRST_PAUSE)


def test_a_failed_trial_doubles_the_pause() -> None:
    health = down()
    at = failed_trial(health)

    assert health.down_until - at == 2 * FIRST_PAUSE


def test_the_pause_doubles_to_a_minute_at_most() -> None:
    health = down()
    for _ in range(10):
        at = failed_trial(health)

    assert health.down_until - at == LONGEST_PAUSE == 60


def test_a_successful_trial_lets_every_request_through_again() -> None:
    health = down()
    health.began()
    health.succeeded()
    health.began()

    assert health.usable(FIRST_PAUSE)


def test_an_origin_that_came_back_is_left_alone_for_five_seconds_when_it_fails_anew() -> None:
    health = down()
    failed_trial(health)
    health.succeeded()
    for _ in range(FAILURES):
        health.failed(100)

    assert health.down_until == 100 + FIRST_PAUSE


def test_requests_that_were_under_way_when_an_origin_went_down_do_not_lengthen_its_pause() -> None:
    health = down(at=0)
    for _ in range(20):
        health.failed(1)

    assert health.down_until == FIRST_PAUSE


def test_usable_origins_are_tried_in_the_configured_order() -> None:
    assert order_to_try([Health(), Health(), Health()], 0) == [0, 1, 2]


def test_origins_that_are_down_are_passed_over() -> None:
    assert order_to_try([Health(), down(), Health()], 0) == [0, 2]


def test_an_origin_is_first_again_when_its_pause_is_over() -> None:
    assert order_to_try([down(), Health()], FIRST_PAUSE) == [0, 1]


def test_when_all_are_down_the_least_recently_failed_is_tried() -> None:
    assert order_to_try([down(at=3), down(at=1), down(at=2)], 3) == [1]


def test_an_origin_that_answered_within_its_pause_goes_down_again_after_three_failures() -> None:
    health = down(at=0)
    health.succeeded()
    for _ in range(FAILURES):
        health.failed(1)

    assert not health.usable(1)

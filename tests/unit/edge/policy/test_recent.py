"""How fast a total has risen lately."""

from edge.policy.recent import Recent


def test_the_rate_is_that_of_the_last_seconds() -> None:
    recent = Recent(5.0)
    rates = [recent.rate(float(second), 100.0 * min(second, 10)) for second in range(20)]

    assert rates[0] == 0.0
    assert rates[1:11] == [100.0] * 10
    assert rates[11:15] == [80.0, 60.0, 40.0, 20.0]
    assert rates[15:] == [0.0] * 5


def test_a_total_that_begins_anew_is_no_rate() -> None:
    recent = Recent(5.0)
    recent.rate(0.0, 1000.0)

    assert recent.rate(1.0, 10.0) == 0.0


def test_two_looks_at_the_same_moment_are_no_rate() -> None:
    recent = Recent(5.0)
    recent.rate(3.0, 0.0)

    assert recent.rate(3.0, 10.0) == 0.0


def test_after_a_long_silence_the_rate_is_that_of_all_of_it() -> None:
    recent = Recent(5.0)
    recent.rate(0.0, 0.0)

    assert recent.rate(100.0, 1000.0) == 10.0
    assert recent.rate(105.0, 1000.0) == 0.0

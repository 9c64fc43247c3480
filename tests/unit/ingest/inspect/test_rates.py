"""The frame rate told by presentation times."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.inspect.rates import STANDARD_RATES, frame_rate

MILLISECONDS = Fraction(1, 1000)


def rounded_times(rate: Fraction, count: int, time_base: Fraction, start: int = 0) -> list[int]:
    return [start + round(number / rate / time_base) for number in range(count)]


@given(
    rate=st.sampled_from(STANDARD_RATES),
    count=st.integers(min_value=500, max_value=2000),
    time_base=st.sampled_from([MILLISECONDS, Fraction(1, 90_000), Fraction(1, 15_360)]),
    start=st.integers(min_value=-1000, max_value=10**9),
)
def test_a_standard_rate_is_found_behind_rounded_times(
    rate: Fraction, count: int, time_base: Fraction, start: int
) -> None:
    times = rounded_times(rate, count, time_base, start)

    assert frame_rate(times, time_base, [rate]) == (rate, True)


def test_a_rate_is_found_without_a_claim() -> None:
    times = rounded_times(Fraction(30_000, 1001), 3000, MILLISECONDS)

    assert frame_rate(times, MILLISECONDS, [None]) == (Fraction(30_000, 1001), True)


def test_an_odd_rate_is_found() -> None:
    times = [number * 7 for number in range(50)]

    assert frame_rate(times, Fraction(1, 100), []) == (Fraction(100, 7), True)


def test_a_wrong_claim_is_not_believed() -> None:
    times = rounded_times(Fraction(25), 200, Fraction(1, 90_000))

    assert frame_rate(times, Fraction(1, 90_000), [Fraction(30)]) == (Fraction(25), True)


def test_a_pause_makes_the_rate_variable_and_does_not_slow_it() -> None:
    times = [0, 33, 67, 100, 5100, 5133, 5167, 5200]

    assert frame_rate(times, MILLISECONDS, [Fraction(2)]) == (Fraction(30), False)


def test_a_claim_that_was_worked_out_of_rounded_times_means_the_standard_rate() -> None:
    times = rounded_times(Fraction(24_000, 1001), 48, MILLISECONDS)

    assert frame_rate(times, MILLISECONDS, [Fraction(983, 41)]) == (Fraction(24_000, 1001), True)
    assert frame_rate(times, MILLISECONDS, [Fraction(24)]) == (Fraction(24), True)


@pytest.mark.parametrize("times", [[], [5], [7, 7, 7]])
def test_without_two_times_the_claim_counts(times: list[int]) -> None:
    assert frame_rate(times, MILLISECONDS, [None, Fraction(50)]) == (Fraction(50), True)
    assert frame_rate(times, MILLISECONDS, []) == (Fraction(25), True)


@given(st.lists(st.integers(min_value=0, max_value=10**7), min_size=2, max_size=60))
def test_any_times_give_a_rate(times: list[int]) -> None:
    rate, _ = frame_rate(sorted(times), MILLISECONDS, [])

    assert rate > 0

"""Bit rates as RFC 8216 §4.3.4.2 defines them."""

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ingest.package.bandwidth import Measured, average, peak

SEGMENTS = st.lists(
    st.builds(
        Measured,
        size=st.integers(min_value=1, max_value=10**8),
        duration=st.fractions(min_value=Fraction(1, 100), max_value=6, max_denominator=1000),
    ),
    min_size=1,
    max_size=30,
)


def seconds(*pairs: tuple[int, int]) -> list[Measured]:
    return [Measured(size, Fraction(duration)) for size, duration in pairs]


def test_the_average_is_over_all() -> None:
    assert average(seconds((600, 6), (1200, 6), (100, 2))) == 1086


def test_the_peak_is_that_of_the_densest_segment() -> None:
    assert peak(seconds((600, 6), (1200, 6), (300, 6)), 6) == 1600


def test_a_short_dense_segment_counts_with_its_neighbour() -> None:
    assert peak(seconds((600, 6), (600, 1)), 6) == 1372


def test_a_clip_shorter_than_half_a_segment_has_a_peak() -> None:
    assert peak(seconds((600, 1), (100, 1)), 6) == 4800


def test_a_dense_end_in_no_row_of_fitting_length_counts_in_the_average() -> None:
    segments = [Measured(600, Fraction(61, 10)), Measured(6000, Fraction(299, 100))]

    assert peak(segments, 6) == average(segments)


@given(SEGMENTS, st.integers(min_value=1, max_value=8))
def test_the_peak_is_that_of_the_densest_row_there_is(
    segments: list[Measured], target: int
) -> None:
    rows = [segments[first:end] for end in range(1, 31) for first in range(end)]
    fitting = [
        row for row in rows if target <= 2 * sum(one.duration for one in row) <= 3 * target
    ] or [[one] for one in segments]
    densest = max(
        Fraction(8 * sum(one.size for one in row)) / sum(one.duration for one in row)
        for row in fitting
        if row
    )

    assert peak(segments, target) == max(math.ceil(densest), average(segments))


@given(SEGMENTS)
def test_a_peak_lies_between_the_average_and_the_densest_segment(segments: list[Measured]) -> None:
    densest = max(one.size * 8 / one.duration for one in segments)

    assert 0 < average(segments) <= peak(segments, 6) <= densest + 1

"""The frame rate that a stream's presentation times tell, and whether it is constant."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final

STANDARD_RATES: Final = tuple(
    Fraction(rate)
    for rate in (
        "10",
        "12",
        "12.5",
        "15000/1001",
        "15",
        "20",
        "24000/1001",
        "24",
        "25",
        "30000/1001",
        "30",
        "48000/1001",
        "48",
        "50",
        "60000/1001",
        "60",
        "100",
        "120000/1001",
        "120",
    )
)
"""Rates that cameras, films and encoders use."""

OFF_GRID: Final = Fraction(1, 4)
"""Frames by which a time may miss the grid: containers round, some to whole milliseconds."""

NEAR: Final = Fraction(1, 20)
"""How far a measured rate may lie from a standard one and still mean it."""

SAME: Final = Fraction(1, 5000)
"""How far a rate that a container names may lie from a standard one and be it: some work it out
of rounded times. 24 is five times as far from 24000/1001."""

LARGEST_DENOMINATOR: Final = 1001
"""Of a rate in small numbers, as television's own."""

FALLBACK: Final = Fraction(25)
"""For a lone frame in a file that names no rate."""


def frame_rate(
    times: Sequence[int], time_base: Fraction, claims: Iterable[Fraction | None]
) -> tuple[Fraction, bool]:
    """The rate in frames per second, and whether it is constant.

    ``times`` are the presentation times of all frames in ascending order, in units of
    ``time_base`` seconds; ``claims`` are rates that the container names, the most trusted first.
    """
    named = [rate for claim in claims if claim for rate in (_standard(claim, SAME), claim)]
    steps = sorted(after - before for before, after in pairwise(times) if after > before)
    if not steps:
        return (named[0] if named else FALLBACK), True
    average = (len(times) - 1) / ((times[-1] - times[0]) * time_base)
    # Where a clip is short, several rates fit: the container's word decides among them.
    for rate in [*named, _standard(average, NEAR), _small(average)]:
        if _on_grid(times, time_base, rate):
            return rate, True
    # The most usual step, not the average: a pause must not make the motion around it jerk.
    return _standard(1 / (steps[len(steps) // 2] * time_base), NEAR), False


def _standard(rate: Fraction, near: Fraction) -> Fraction:
    """The standard rate that ``rate`` means, at most ``near`` of it away, or else ``rate`` in small
    numbers.
    """
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(nearest - rate) <= near * rate else _small(rate)


def _small(rate: Fraction) -> Fraction:
    return rate.limit_denominator(LARGEST_DENOMINATOR) or Fraction(1, LARGEST_DENOMINATOR)


def _on_grid(times: Sequence[int], time_base: Fraction, rate: Fraction) -> bool:
    ticks_per_frame = 1 / (rate * time_base)
    # Integers only: a long film has a million frames.
    numerator, denominator = ticks_per_frame.numerator, ticks_per_frame.denominator
    tolerance = OFF_GRID.numerator * numerator
    first = times[0]
    return all(
        abs((time - first) * denominator - number * numerator) * OFF_GRID.denominator <= tolerance
        for number, time in enumerate(times)
    )

"""Bit rates of a rendition as playlists state them (RFC 8216 §4.3.4.2), from its segments."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Measured(NamedTuple):
    """One segment."""

    size: int
    """Bytes."""
    duration: Fraction
    """Seconds."""


class Rates(NamedTuple):
    """Of a whole rendition, in bit/s."""

    peak: int
    average: int


def rates(segments: Sequence[Measured], target: int) -> Rates:
    """Both rates of ``segments``, whose target duration is ``target`` seconds."""
    return Rates(peak(segments, target), average(segments))


def average(segments: Sequence[Measured]) -> int:
    """bit/s over all ``segments``, rounded up."""
    return _rate(sum(one.size for one in segments), sum(one.duration for one in segments))


def peak(segments: Sequence[Measured], target: int) -> int:
    """The largest bit/s of segments in a row that last 0.5 to 1.5 of ``target`` seconds together.

    Never less than the average, which a last segment may raise that is in no such row. Where no row
    lasts so long, as in a clip shorter than half a segment, the largest of any one segment.
    """
    shortest, longest = Fraction(target, 2), Fraction(3 * target, 2)
    rates = []
    for first in range(len(segments)):
        size, duration = 0, Fraction(0)
        for segment in segments[first:]:
            size += segment.size
            duration += segment.duration
            if duration > longest:
                break
            if duration >= shortest:
                rates.append(_rate(size, duration))
    if not rates:
        rates = [_rate(one.size, one.duration) for one in segments]
    return max(*rates, average(segments))


def _rate(size: int, duration: Fraction | int) -> int:
    return math.ceil(size * 8 / Fraction(duration))

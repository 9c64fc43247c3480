"""Bit rates of a rendition as playlists state them (RFC 8216 §4.3.4.2), from its segments."""

import math
from collections.abc import Iterator, Sequence
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
    # In whole ticks, of a clock that suits all of them: fractions take ten times as long.
    clock = math.lcm(*{one.duration.denominator for one in segments})
    ticks = {duration: int(duration * clock) for duration in {one.duration for one in segments}}
    lengths = [ticks[one.duration] for one in segments]
    rows = list(_rows([one.size for one in segments], lengths, clock * target))
    if not rows:
        rows = [(one.size, length) for one, length in zip(segments, lengths, strict=True)]
    densest, during = rows[0]
    for size, length in rows:
        if size * during > densest * length:
            densest, during = size, length
    return max(_rate(densest, Fraction(during, clock)), average(segments))


def _rows(sizes: Sequence[int], lengths: Sequence[int], target: int) -> Iterator[tuple[int, int]]:
    """The bytes and ticks of every row that lasts 0.5 to 1.5 of ``target`` ticks."""
    for first in range(len(sizes)):
        size = duration = 0
        for place in range(first, len(sizes)):
            size += sizes[place]
            duration += lengths[place]
            if 2 * duration > 3 * target:
                break
            if 2 * duration >= target:
                yield size, duration


def _rate(size: int, duration: Fraction | int) -> int:
    return math.ceil(size * 8 / Fraction(duration))

"""The ladder of H.264 renditions for a source.

Sizes and rates are those of the table of recommended variants in Apple's "HLS Authoring
Specification for Apple Devices", read by the picture's short side so that portrait video fares the
same; where it has two rates for a size, the higher one. They cap a constant quality: plain pictures
stay far below.
"""

from fractions import Fraction
from typing import Final, NamedTuple

from ingest.inspect.media import VideoStream
from ingest.plan.model import VideoRendition


class Rung(NamedTuple):
    """A size and its rate, at 16:9."""

    short_side: int
    """Pixels."""
    bitrate: int
    """bit/s."""


RUNGS: Final = (
    Rung(1080, 7_800_000),
    Rung(720, 4_500_000),
    Rung(540, 2_000_000),
    Rung(432, 1_100_000),
    Rung(360, 730_000),
    Rung(234, 145_000),
)

FEWEST: Final = 3
FRACTIONS: Final = (Fraction(1), Fraction(3, 4), Fraction(1, 2))
"""Of the source's size, where the table has too few sizes that fit."""

WORTH_A_RUNG: Final = Fraction(11, 10)
"""A source this much larger than the best size of the table is kept in its own size too."""

LEAST_BITRATE: Final = 64_000
BUFFER_SECONDS: Final = 2
"""Seconds at the highest rate that the decoder's buffer holds: one group of pictures."""

QUARTER_TURNS: Final = {90, 270}


def display_size(video: VideoStream) -> tuple[int, int]:
    """Width and height in square pixels as a viewer sees the picture, at least 1 each.

    Samples that are not square shrink one side, so that no side is larger than it was coded.
    """
    aspect = video.sample_aspect_ratio.fraction
    width, height = Fraction(video.width), Fraction(video.height)
    if aspect > 1:
        height /= aspect
    elif aspect > 0:
        width *= aspect
    size = max(1, round(width)), max(1, round(height))
    return size[::-1] if video.rotation in QUARTER_TURNS else size


def ladder(width: int, height: int) -> tuple[VideoRendition, ...]:
    """The renditions for a picture of ``width`` by ``height`` square pixels, best first.

    None is larger than the picture, save that H.264 in 4:2:0 needs even sides of at least 2.
    """
    short = min(width, height)
    sides = [Fraction(rung.short_side) for rung in RUNGS if rung.short_side <= short]
    if len(sides) < FEWEST:
        sides = [short * fraction for fraction in FRACTIONS]
    elif sides[0] < RUNGS[0].short_side and short >= sides[0] * WORTH_A_RUNG:
        sides.insert(0, Fraction(short))
    renditions: list[VideoRendition] = []
    for side in sides:
        size = _even(width * side / short, width), _even(height * side / short, height)
        taken = {rendition.name for rendition in renditions}
        renditions.append(_rendition(*size, taken))
    return tuple(renditions)


def _even(length: Fraction, limit: int) -> int:
    """The even number nearest to ``length`` that is not over ``limit``."""
    return max(2, min(round(length / 2), limit // 2) * 2)


def _rendition(width: int, height: int, taken: set[str]) -> VideoRendition:
    rate = bitrate(width, height)
    name = f"h264-{min(width, height)}p"
    # Tiny sources round to one size more than once.
    number = 2
    while name in taken:
        name = f"h264-{min(width, height)}p-{number}"
        number += 1
    return VideoRendition(
        name=name,
        width=width,
        height=height,
        max_bitrate=rate,
        buffer_size=rate * BUFFER_SECONDS,
    )


def bitrate(width: int, height: int) -> int:
    """bit/s for a picture of this size: on the line, by area, between its neighbours in the table.

    Below the table it falls with the area, down to a least one.
    """
    area = min(width, height) ** 2
    low = Rung(0, 0)
    for high in reversed(RUNGS):
        if area <= high.short_side**2:
            break
        low = high
    span = high.short_side**2 - low.short_side**2
    share = Fraction(area - low.short_side**2, span) if span else Fraction(1)
    return max(LEAST_BITRATE, low.bitrate + round((high.bitrate - low.bitrate) * share))

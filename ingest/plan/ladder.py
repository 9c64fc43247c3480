"""The ladders of a source: which sizes, at which rates, in each codec."""

import math
from fractions import Fraction
from typing import Final

from common.hls import VideoRange
from ingest.inspect.media import VideoStream
from ingest.plan.model import VideoCodec, VideoRendition
from ingest.plan.rungs import (
    ALONE_LEVEL,
    H264_ALONE,
    LEVELS,
    SLOW_RATE,
    SLOW_SIDE,
    Level,
    Rung,
    rungs_of,
)

FEWEST: Final = 3
"""Renditions of H.264, which is there for everybody."""

FRACTIONS: Final = (Fraction(1), Fraction(3, 4), Fraction(1, 2))
"""Of the source's size, where the table has too few sizes that fit."""

WORTH_A_RUNG: Final = Fraction(11, 10)
"""A source this much larger than the best size of the table is kept in its own size too."""

LEAST_BITRATE: Final = 64_000
BUFFER_SECONDS: Final = 2
"""Seconds at the highest rate that the decoder's buffer holds: one group of pictures."""

QUARTER_TURNS: Final = {90, 270}

HALF: Final = 2

Size = tuple[int, int]


def display_size(video: VideoStream) -> Size:
    """Width and height in square pixels as a viewer sees the picture, at least 1 each.

    Samples that are not square shrink one side, so that no side is larger than it was coded.
    """
    aspect = video.sample_aspect_ratio.fraction
    width, height = Fraction(video.width), Fraction(video.height)
    if aspect > 1:
        height /= aspect
    elif aspect > 0:
        width *= aspect
    return _turned((max(1, round(width)), max(1, round(height))), video.rotation)


def upright(video: VideoStream) -> Size:
    """Width and height in samples once the picture is turned as the file says."""
    return _turned((video.width, video.height), video.rotation)


def ladder(
    size: Size,
    codec: VideoCodec = VideoCodec.H264,
    *,
    video_range: VideoRange = VideoRange.SDR,
    rate: Fraction = Fraction(30),
    alone: bool = False,
) -> tuple[VideoRendition, ...]:
    """The renditions in ``codec`` for a picture of ``size`` in square pixels, best first.

    None is larger than the picture, save that 4:2:0 needs even sides of at least 2. Above 30
    frames per second, ``rate`` is halved where the table or the codec's level asks for it; the best
    one keeps it where the level does not. Of a picture too small for ``codec`` there are none;
    in H.264 there always are three or more, and one more of a large picture if it is ``alone``.
    """
    level = LEVELS[codec]
    rungs = rungs_of(codec, hdr=video_range is not VideoRange.SDR)
    picture = _within(size, level)
    chosen = _chosen(picture, rungs, fewest=FEWEST if codec is VideoCodec.H264 else 1)
    sizes = [(rung, scaled(picture, rung.short_side), level) for rung in chosen]
    larger = _within(size, ALONE_LEVEL)
    if alone and min(larger) >= H264_ALONE.short_side:
        sizes.insert(0, (H264_ALONE, scaled(larger, H264_ALONE.short_side), ALONE_LEVEL))
    renditions: list[VideoRendition] = []
    for rung, (width, height), most in sizes:
        if min(width, height) < most.shortest:
            continue
        taken = {rendition.name for rendition in renditions}
        slow = bool(renditions) and rung.slow
        renditions.append(
            VideoRendition(
                name=_name(codec, min(width, height), video_range, taken),
                width=width,
                height=height,
                max_bitrate=rung.bitrate,
                buffer_size=rung.bitrate * BUFFER_SECONDS,
                codec=codec,
                video_range=video_range,
                frame_step=_step((width, height), rate, most, slow=slow),
            )
        )
    return tuple(renditions)


def scaled(size: Size, short_side: Fraction | int) -> Size:
    """``size`` with its short side brought to ``short_side``: even, at least 2, and not larger than
    it is where it can be.
    """
    width, height = size
    share = Fraction(short_side) / min(size)
    return _even(width * share, width), _even(height * share, height)


def bitrate(short_side: int, rungs: tuple[Rung, ...]) -> int:
    """bit/s for a picture of this size: on the line, by area, between its neighbours in ``rungs``.

    Below the table it falls with the area, down to a least one.
    """
    area = short_side**2
    low = Rung(0, 0)
    # Of two rates for a size, only the higher one.
    best = {rung.short_side: rung for rung in reversed(rungs)}
    for high in best.values():
        if area <= high.short_side**2:
            break
        low = high
    span = high.short_side**2 - low.short_side**2
    share = Fraction(area - low.short_side**2, span) if span else Fraction(1)
    return max(LEAST_BITRATE, low.bitrate + round((high.bitrate - low.bitrate) * share))


def _turned(size: Size, rotation: int) -> Size:
    return size[::-1] if rotation in QUARTER_TURNS else size


def _chosen(size: Size, rungs: tuple[Rung, ...], *, fewest: int) -> list[Rung]:
    short = min(size)
    chosen = [rung for rung in rungs if rung.short_side <= short]
    if len(chosen) < fewest:
        fractions = FRACTIONS[:fewest]
        return [_own(round(short * fraction), rungs) for fraction in fractions]
    if chosen[0] is not rungs[0] and short >= chosen[0].short_side * WORTH_A_RUNG:
        chosen.insert(0, _own(short, rungs))
    return chosen


def _own(short_side: int, rungs: tuple[Rung, ...]) -> Rung:
    """A rung for a size that the table does not have."""
    side = max(1, short_side)
    return Rung(side, bitrate(side, rungs), slow=side <= SLOW_SIDE)


def _within(size: Size, level: Level) -> Size:
    """``size``, or the largest of its shape that ``level`` takes."""
    short, long = sorted(size)
    most = min(
        Fraction(short),
        Fraction(level.longest * short, long),
        Fraction(math.isqrt(level.area * short // long)),
    )
    if most >= short:
        most = Fraction(short)
    shrunk = _shrunk(size, most)
    while _blocks(shrunk, level.block) > level.area:
        most -= 1
        shrunk = _shrunk(size, most)
    return shrunk


def _shrunk(size: Size, short_side: Fraction) -> Size:
    share = short_side / min(size)
    return max(1, math.floor(size[0] * share)), max(1, math.floor(size[1] * share))


def _blocks(size: Size, block: int) -> int:
    """Pixels of a picture of ``size``, its sides filled up to whole blocks."""
    width, height = (-(-side // block) * block for side in size)
    return width * height


def _step(size: Size, rate: Fraction, level: Level, *, slow: bool) -> int:
    too_fast = _blocks(size, level.block) * rate > level.rate
    return HALF if rate > SLOW_RATE and (slow or too_fast) else 1


def _even(length: Fraction, limit: int) -> int:
    """The even number nearest to ``length`` that is not over ``limit``."""
    return max(2, min(round(length / 2), limit // 2) * 2)


def _name(codec: VideoCodec, side: int, video_range: VideoRange, taken: set[str]) -> str:
    hdr = "" if video_range is VideoRange.SDR else "-hdr"
    name, number = f"{codec}-{side}p{hdr}", 2
    # Tiny sources round to one size more than once, and some sizes have two rates.
    while name in taken:
        name = f"{codec}-{side}p-{number}{hdr}"
        number += 1
    return name

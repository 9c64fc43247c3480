"""The still and moving pictures that stand for a video: when they are taken, and how large."""

import math
from fractions import Fraction
from typing import Final

from ingest.inspect.media import VideoStream
from ingest.plan.ladder import Size, scaled
from ingest.plan.model import Pictures

POSTER_SHARE: Final = 0.1
POSTER_LATEST: Final = 10.0

LONGEST_HOLD: Final = 1.0
"""Seconds that an inspection lets the last frame be shown."""

POSTER_SIDE: Final = 720
PREVIEW_SIDE: Final = 180
TILE_SIDE: Final = 90
"""Pixels of the short side at most: 1280, 320 and 160 of the long one at 16:9."""

PREVIEW_SHARE: Final = 0.25
"""Into the video, where a preview shows what it is about rather than how it begins."""
PREVIEW_SECONDS: Final = 3.0

MOST_TILES: Final = 200
TILE_STEPS: Final = (1, 2, 5, 10, 15, 20, 30, 60)
"""Seconds from one tile to the next: the least that is enough, or a multiple of the last."""

COLUMNS: Final = 10
ROWS: Final = 10
"""Of a sheet at most."""

LONGEST_SIDE: Final = 4
"""Times its short side that a picture is long at most, else all of it is smaller: sheets are
decoded whole."""


def pictures(video: VideoStream, size: Size, seconds: float) -> Pictures:
    """The pictures of ``video``, which is ``size`` large in square pixels and lasts ``seconds``."""
    poster = _fitted(size, POSTER_SIDE)
    preview = _fitted(size, PREVIEW_SIDE)
    tile = _fitted(size, TILE_SIDE)
    step = _tile_seconds(seconds)
    count = max(1, math.ceil(seconds / step))
    columns = min(COLUMNS, count)
    return Pictures(
        poster_time=_poster_time(video, seconds),
        width=poster[0],
        height=poster[1],
        preview_start=min(seconds * PREVIEW_SHARE, max(0.0, seconds - PREVIEW_SECONDS)),
        preview_seconds=min(PREVIEW_SECONDS, seconds),
        preview_width=preview[0],
        preview_height=preview[1],
        tile_seconds=step,
        tile_count=count,
        tile_width=tile[0],
        tile_height=tile[1],
        columns=columns,
        rows=min(ROWS, math.ceil(count / columns)),
    )


def _fitted(size: Size, side: int) -> Size:
    """``size`` shrunk until its short side is ``side`` and its long side not too long."""
    short, long = sorted(size)
    most = Fraction(side * LONGEST_SIDE * short, long)
    return scaled(size, min(Fraction(short), Fraction(side), most))


def _tile_seconds(seconds: float) -> float:
    least = seconds / MOST_TILES
    for step in TILE_STEPS:
        if step >= least:
            return float(step)
    return float(math.ceil(least / TILE_STEPS[-1]) * TILE_STEPS[-1])


def _poster_time(video: VideoStream, seconds: float) -> float:
    early = min(seconds * POSTER_SHARE, POSTER_LATEST)
    if video.constant_frame_rate and video.frame_count > 1:
        return early
    # The last frame may be held so long that none starts later: a seek would find nothing.
    return min(early, max(0.0, seconds - LONGEST_HOLD))

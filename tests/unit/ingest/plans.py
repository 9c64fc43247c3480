"""Plans made by hand, for tests of what is made out of them."""

from fractions import Fraction
from typing import Any

from ingest.inspect import Rational
from ingest.plan.model import (
    Chunk,
    EncodeGroup,
    EncodingPlan,
    Pictures,
    SourceInput,
    VideoCodec,
    VideoRendition,
)


def make_pictures_plan(*, seconds: float, **changes: Any) -> Pictures:
    """Small pictures of a video of `seconds`."""
    told: dict[str, Any] = {
        "poster_time": seconds / 10,
        "width": 160,
        "height": 90,
        "preview_start": 0.0,
        "preview_seconds": min(3.0, seconds),
        "preview_width": 80,
        "preview_height": 44,
        "tile_seconds": 1.0,
        "tile_count": max(1, int(seconds)),
        "tile_width": 64,
        "tile_height": 36,
        "columns": 4,
        "rows": 3,
    }
    return Pictures(**(told | changes))


def make_plan(
    *,
    seconds: float,
    rate: Rational = Rational(30),  # noqa: B008 -- it is immutable
    segment_seconds: int = 6,
    source: SourceInput | None = None,
    pictures: Pictures | None = None,
    **changes: Any,
) -> EncodingPlan:
    """One rendition in one chunk, an IDR picture every two seconds."""
    frames = max(1, round(seconds * rate.fraction))
    interval = round(2 * rate.fraction)
    segment_frames = interval * segment_seconds // 2
    segments = -(-frames // segment_frames)
    told: dict[str, Any] = {
        "source": source or SourceInput("mov,mp4,m4a,3gp,3g2,mj2", 0, 0.0),
        "frame_rate": rate,
        "frame_count": frames,
        "keyframe_interval": interval,
        "segment_frames": segment_frames,
        "timescale": int(rate.numerator * Fraction(1000)),
        "video": (VideoRendition("h264-90p", 160, 90, 400_000, 800_000),),
        "groups": (EncodeGroup("h264", VideoCodec.H264, ("h264-90p",)),),
        "audio": (),
        "chunks": (Chunk(0, 0, frames, 0, segments),),
        "pictures": pictures or make_pictures_plan(seconds=seconds),
    }
    return EncodingPlan(**(told | changes))

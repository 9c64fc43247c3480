"""Cuts the frames of a video into chunks of whole segments."""

import math
from fractions import Fraction
from itertools import pairwise
from typing import Final

from ingest.inspect.media import MediaInfo
from ingest.plan.model import Chunk

LEAST_MARGIN: Final = 2.0
"""Seconds; a picture that is renewed bit by bit, as live streams are, needs as long to be whole."""

LONGEST_DELAY: Final = 10.0
"""Seconds; where key frames are shown so much later than they are decoded, each chunk would decode
more than it is worth. H.264 may hold back 16 frames, which last 8 seconds at two in a second.
"""

SHORTEST: Final = 10
LONGEST: Final = 60
"""Seconds of a chunk: shorter ones decode too much twice, longer ones let workers wait."""

SHARES: Final = 8
"""Chunks that a video of some minutes becomes, so that several workers end at about one time."""


def safe_to_chunk(media: MediaInfo) -> bool:
    """Whether every chunk's encode would find exactly the frames that it is meant to find.

    Tried on the frames themselves, chunk by chunk against the whole (``test_chunked_grids``):
    rotation, variable rates, frames held for longer than chunks, starts at any time, edit lists,
    open groups and interlaced video all come out alike, as long as each chunk decodes from a key
    frame at least ``seek_margin`` before it and puts all that it decodes on the grid, which begins
    at the chunk's first frame. That needs an index, a key frame to begin with, and packets that
    carry their times. What is not found out is a picture that is renewed bit by bit in more time
    than the margin, in a Matroska file.
    """
    video = media.video
    return media.seekable and video.exact_timestamps and video.key_frame_delay <= LONGEST_DELAY


def seek_margin(media: MediaInfo) -> float:
    """Seconds before a chunk's first frame at which to look for a key frame.

    Files are searched by the time of decoding, so that the key frame found may be shown as much
    later as it is delayed.
    """
    return max(LEAST_MARGIN, min(media.video.key_frame_delay, LONGEST_DELAY) + LEAST_MARGIN / 2)


def chunk_count(
    frame_count: int, segment_frames: int, rate: Fraction, wanted_seconds: float | None
) -> int:
    """How many chunks there should be: of about ``wanted_seconds``, or by the video's length."""
    segments = -(-frame_count // segment_frames)
    segment = segment_frames / rate
    if wanted_seconds is not None:
        return max(1, round(segments / max(1, round(wanted_seconds / segment))))
    length = min(max(frame_count / rate / SHARES, Fraction(SHORTEST)), Fraction(LONGEST))
    # Whole segments, so that none of the chunks gets shorter or longer than is allowed.
    most = segments // math.ceil(SHORTEST / segment)
    least = -(-segments // max(1, math.floor(LONGEST / segment)))
    count = max(1, least, min(most, round(segments * segment / length)))
    # Even, so that two workers, or two cores, end together: of five, one would wait for a fifth.
    return count - 1 if count % 2 and count - 1 > max(1, least) else count


def cut(
    frame_count: int, *, segment_frames: int, count: int, keyframe_interval: int
) -> tuple[Chunk, ...]:
    """``count`` chunks that differ by one segment at most, or fewer where there are not as many.

    A last chunk shorter than ``keyframe_interval`` frames is joined to the one before: an encoder
    that sees fewer frames than it delays writes another init segment.
    """
    segments = -(-frame_count // segment_frames)
    count = min(count, segments)
    bounds = [segments * number // count for number in range(count + 1)]
    if count > 1 and frame_count - bounds[-2] * segment_frames < keyframe_interval:
        del bounds[-2]
    return tuple(
        Chunk(
            index=index,
            first_frame=first * segment_frames,
            frame_count=min(end * segment_frames, frame_count) - first * segment_frames,
            first_segment=first,
            segment_count=end - first,
        )
        for index, (first, end) in enumerate(pairwise(bounds))
    )

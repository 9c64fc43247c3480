"""Cuts the frames of a video into chunks of whole segments."""

from itertools import pairwise
from typing import Final

from ingest.inspect.media import MediaInfo
from ingest.plan.model import Chunk

NEAR_ZERO: Final = 0.5
"""Seconds; a source that starts later has clocks that seeking may read another way."""


def safe_to_chunk(media: MediaInfo) -> bool:
    """Whether every chunk's encode would find exactly the frames that it is meant to find."""
    video = media.video
    return (
        media.seekable
        and video.constant_frame_rate
        and video.exact_timestamps
        and video.rotation == 0
        and abs(video.first_timestamp) < NEAR_ZERO
    )


def cut(
    frame_count: int, *, segment_frames: int, chunk_segments: int, keyframe_interval: int
) -> tuple[Chunk, ...]:
    """Chunks of about ``chunk_segments`` segments that differ by one segment at most.

    A last chunk shorter than ``keyframe_interval`` frames is joined to the one before: an encoder
    that sees fewer frames than it delays writes another init segment.
    """
    segments = -(-frame_count // segment_frames)
    count = max(1, round(segments / chunk_segments))
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

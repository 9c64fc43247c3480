"""How encoded pictures and sound are written: fragmented MP4, and MPEG-2 transport streams.

Video is written by the segment muxer over one MP4 muxer that goes on from segment to segment, a
fragment for each group of pictures. Decode times are the grid's; what B-frames delay is taken off
by an edit list, which ``ingest.transcode.fragments`` adds to the init segment.
"""

from fractions import Fraction
from typing import Final

from ingest.package.layout import INIT_NAME, SEGMENT_PATTERN
from ingest.plan.model import Chunk, EncodingPlan, VideoRendition
from ingest.transcode.inputs import Options, seconds

MUXER_PLAYLIST: Final = "muxer.m3u8"
"""What ffmpeg's HLS muxer writes beside the segments: how long each of them is."""

NEVER: Final = 1 << 30
"""A number of frames that no video has."""

MOVIE_FLAGS: Final = (
    "frag_keyframe",
    # The init segment is written before the first frame; a muxer that waits for it puts the first
    # fragment into the wrong file where a segment is one fragment.
    "empty_moov",
    # Offsets in a fragment count from the fragment.
    "default_base_moof",
    # Decode times go on from the chunk's place, not from 0.
    "frag_discont",
    # An index in each segment repeats what the playlist says.
    "skip_sidx",
    # A random-access index at the end belongs to files, not to segments.
    "skip_trailer",
    "write_colr",
)
"""Flags of the MP4 muxer for video."""


def video_segments(plan: EncodingPlan, rendition: VideoRendition, chunk: Chunk) -> Options:
    """Options of the muxer for ``chunk`` of ``rendition``, whose target is ``video_target``."""
    options: Options = {
        "movflags": "".join(f"+{flag}" for flag in MOVIE_FLAGS),
        # Sequence numbers of fragments rise over all chunks (ISO/IEC 14496-12 §8.8.5).
        "fragment_index": chunk.first_frame // plan.keyframe_interval + 1,
        "video_track_timescale": plan.timescale,
        # Decode times begin where presentation does, as if there were one.
        "use_editlist": 1,
    }
    return {
        **cut_at(cuts(plan, rendition, chunk), chunk.first_segment),
        "segment_format": "mp4",
        "segment_format_options": ":".join(f"{key}={value}" for key, value in options.items()),
        "segment_header_filename": f"{rendition.name}/{INIT_NAME}",
        "individual_header_trailer": 0,
    }


def video_target(rendition: VideoRendition) -> str:
    """The names of the segments of ``rendition``."""
    return f"{rendition.name}/{SEGMENT_PATTERN}"


def audio_segments(plan: EncodingPlan, name: str) -> Options:
    """Options of the muxer for the audio rendition ``name``, whose target is ``audio_target``.

    Decode times start at 0, and the init segment's edit list leaves out what the encoder puts
    ahead of the sound.
    """
    length = plan.segment_duration
    return {
        "f": "hls",
        # Rounded down, so that no segment is ever a frame longer than it need be.
        "hls_time": seconds(Fraction(int(length * 10**6), 10**6)),
        "hls_playlist_type": "vod",
        "hls_segment_type": "fmp4",
        "hls_fmp4_init_filename": INIT_NAME,
        "hls_segment_filename": f"{name}/{SEGMENT_PATTERN}",
        "hls_segment_options": "movflags=+skip_sidx+skip_trailer",
        "avoid_negative_ts": "disabled",
        "map_metadata": -1,
    }


def audio_target(name: str) -> str:
    """The file that the HLS muxer wants to be named."""
    return f"{name}/{MUXER_PLAYLIST}"


def cuts(plan: EncodingPlan, rendition: VideoRendition, chunk: Chunk) -> list[int]:
    """Numbers of the frames of ``chunk`` in ``rendition`` before which a segment ends."""
    length = plan.segment_frames // rendition.frame_step
    return [length * number for number in range(1, chunk.segment_count)]


def cut_at(frames: list[int], first_segment: int) -> Options:
    """Options of the segment muxer: counted in frames, so that no time is rounded."""
    return {
        "f": "segment",
        # Without a list it would cut after some seconds; one segment is never cut.
        "segment_frames": ",".join(str(frame) for frame in frames or [NEVER]),
        "segment_start_number": first_segment,
        # Times are right as they are; a muxer that moves the first to 0 would break the joint.
        "avoid_negative_ts": "disabled",
        "map_metadata": -1,
    }

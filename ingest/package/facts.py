"""What is measured of a part of a rendition when it is encoded.

Packaging needs these facts only, never the bytes, so parts may come from different machines. All
structs are JSON by msgspec. Times are in units of the init segment's timescale; those of a
transport stream in its twin's, those of subtitles in the plan's.
"""

import msgspec

from common.hls import VideoRange


class InitFacts(msgspec.Struct, frozen=True):
    """An init segment (ISO/IEC 14496-12 §8.2)."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    codec: str
    """As in RFC 6381 §3.3, from the sample entry's own configuration."""
    timescale: int
    """Units per second of decode times and durations."""
    width: int
    """Pixels; 0 for audio."""
    height: int
    channels: int
    """0 for video."""
    sample_rate: int
    """Hz; 0 for video."""
    video_range: VideoRange = VideoRange.SDR
    """From the sample entry's ``colr`` box (ISO/IEC 14496-12 §12.1.5)."""


class KeyFrame(msgspec.Struct, frozen=True):
    """A picture of a video segment that a decoder can start with (rfc8216bis §4.4.3.6)."""

    offset: int
    """Bytes from the start of the segment to the ``moof`` box that it has to itself, or else to its
    fragment's; in a transport stream to the tables before it."""
    size: int
    """Bytes from there to the end of the picture."""
    decode_time: int
    """Units of the timescale."""


class SegmentFacts(msgspec.Struct, frozen=True):
    """A media segment (ISO/IEC 14496-12 §8.16)."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    decode_time: int
    """Of its first sample, in units of the timescale."""
    duration: int
    """Units of the timescale."""
    sample_count: int
    starts_with_sync: bool
    """Whether a decoder can start with its first sample."""
    key_frames: tuple[KeyFrame, ...] = ()
    """Of video: the first picture of each group of pictures, which is a fragment of its own."""


class PartFacts(msgspec.Struct, frozen=True):
    """What one encode task made of one rendition."""

    init: InitFacts | None
    """None of transport streams and subtitles, which have none."""
    segments: tuple[SegmentFacts, ...]
    """In order."""


class Part(msgspec.Struct, frozen=True):
    """A part under its name in the origin."""

    name: str
    """Chunk and attempt, see `ingest.package.layout.part_name`."""
    facts: PartFacts

"""The plan of an encode: immutable, and JSON by msgspec, so that any worker can carry it out.

Video time is counted in frames on an even grid that starts at 0; everything else follows from it.
"""

from fractions import Fraction

import msgspec

from ingest.inspect.media import Rational


class SourceInput(msgspec.Struct, frozen=True):
    """How to read the source."""

    container: str
    """The demuxer to force."""
    video_index: int
    """Number of the stream in the file, from 0."""
    audio_index: int | None
    origin: float
    """The source's time, in seconds, that becomes 0."""
    seekable: bool = True
    """Whether any time in it is found at the key frame before it, and not behind it."""
    decoders: tuple[str, ...] = ()
    """The only decoders that are to run, by FFmpeg's names."""
    most_pixels: int = 0
    """The most that a picture may have; frames that have more are not decoded."""


class VideoRendition(msgspec.Struct, frozen=True):
    """One H.264 rendition."""

    name: str
    width: int
    """Pixels, even and square."""
    height: int
    max_bitrate: int
    """bit/s that a decoder's buffer of ``buffer_size`` is filled with (ITU-T H.264 Annex C)."""
    buffer_size: int
    """Bits."""


class AudioRendition(msgspec.Struct, frozen=True):
    """One AAC rendition."""

    name: str
    bitrate: int
    """bit/s."""
    channels: int
    sample_rate: int
    """Hz."""
    sample_count: int
    """Samples per channel, as long as the video."""


class Chunk(msgspec.Struct, frozen=True):
    """Whole segments of the video that one encode task makes."""

    index: int
    first_frame: int
    frame_count: int
    first_segment: int
    segment_count: int


class EncodingPlan(msgspec.Struct, frozen=True):
    """All that is decided about an encode."""

    source: SourceInput
    frame_rate: Rational
    """Frames per second of every video rendition, constant."""
    frame_count: int
    keyframe_interval: int
    """Frames from one IDR picture to the next."""
    segment_frames: int
    """Frames of every segment but the last: whole groups of pictures."""
    timescale: int
    """Units per second of decode times in video segments; a frame lasts a whole number of them."""
    video: tuple[VideoRendition, ...]
    """Best first, never fewer than three."""
    audio: AudioRendition | None
    chunks: tuple[Chunk, ...]
    poster_time: float
    """Seconds from the start at which the poster is taken."""

    @property
    def frame_ticks(self) -> int:
        """Units of ``timescale`` that a frame lasts."""
        return int(self.timescale / self.frame_rate.fraction)

    @property
    def duration(self) -> float:
        """Seconds of video."""
        return float(self.frame_count / self.frame_rate.fraction)

    @property
    def segment_duration(self) -> Fraction:
        """Seconds of every segment but the last."""
        return self.segment_frames / self.frame_rate.fraction

    @property
    def segment_count(self) -> int:
        """Segments of a video rendition."""
        return -(-self.frame_count // self.segment_frames)

    def segment_frame_counts(self, chunk: Chunk) -> tuple[int, ...]:
        """Frames of each segment of ``chunk``."""
        whole = (self.segment_frames,) * (chunk.segment_count - 1)
        return (*whole, chunk.frame_count - sum(whole))

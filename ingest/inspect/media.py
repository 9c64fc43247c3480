"""What an inspection found in a file. Times are seconds on the file's own clock."""

from fractions import Fraction

import msgspec


class Rational(msgspec.Struct, frozen=True):
    """An exact ratio of two integers, such as the frame rate 30000/1001."""

    numerator: int
    denominator: int = 1

    @property
    def fraction(self) -> Fraction:
        """The same, ready for arithmetic."""
        return Fraction(self.numerator, self.denominator)

    @classmethod
    def of(cls, value: Fraction) -> "Rational":
        """``value`` in its lowest terms."""
        return cls(value.numerator, value.denominator)


class VideoStream(msgspec.Struct, frozen=True):
    """The video stream that viewers would see."""

    index: int
    """The stream's number in the file, from 0."""
    codec: str
    """The decoder's name in FFmpeg."""
    width: int
    """Coded picture, in samples, before rotation."""
    height: int
    sample_aspect_ratio: Rational
    """Width to height of one sample; 1/1 where the file says nothing."""
    rotation: int
    """Degrees counter-clockwise by which the picture is to be turned: 0, 90, 180 or 270."""
    pixel_format: str
    """FFmpeg's name, such as ``yuv420p``."""
    color_primaries: int
    """Code point of ITU-T H.273 §8.1; 2 is unspecified."""
    color_transfer: int
    """Code point of ITU-T H.273 §8.2."""
    color_matrix: int
    """Code point of ITU-T H.273 §8.3."""
    full_range: bool
    """Whether samples use the full range of values."""
    frame_rate: Rational
    """Frames per second: exact when constant, else as the most usual step tells."""
    constant_frame_rate: bool
    """Whether every frame's time lies on one even grid, within a quarter of a frame."""
    exact_timestamps: bool
    """Whether every packet carries its own presentation time."""
    frame_count: int
    """Frames shown: packets, less those that an edit list hides."""
    first_timestamp: float
    """When the first frame is shown."""
    end_timestamp: float
    """When the last frame has been shown."""


class AudioStream(msgspec.Struct, frozen=True):
    """One audio stream."""

    index: int
    """The stream's number in the file, from 0."""
    codec: str
    channels: int
    sample_rate: int
    """Hz."""
    first_timestamp: float
    end_timestamp: float
    language: str | None
    """As the file says it, mostly ISO 639-2; none where it says nothing or ``und``."""


class MediaInfo(msgspec.Struct, frozen=True):
    """A file that was read from end to end, and whose first frame was decoded."""

    container: str
    """The demuxer's name in FFmpeg: the one to force when the file is opened again."""
    byte_size: int
    duration: float
    """Seconds from the start of the earliest stream to the end of the longest."""
    seekable: bool
    """Whether the container has an index that leads to any key frame exactly."""
    video: VideoStream
    audio: tuple[AudioStream, ...]
    """In the order of the file; empty for silent films."""

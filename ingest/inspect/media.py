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


class MasteringDisplay(msgspec.Struct, frozen=True):
    """The display of the mastering (SMPTE ST 2086), in the units of ITU-T H.265 §D.3.28."""

    red: tuple[int, int]
    """Chromaticity x and y, in steps of 0.00002."""
    green: tuple[int, int]
    blue: tuple[int, int]
    white: tuple[int, int]
    max_luminance: int
    """In steps of 0.0001 cd/m²."""
    min_luminance: int


class ContentLight(msgspec.Struct, frozen=True):
    """How bright a video gets (CTA-861.3), in cd/m²."""

    max_content: int
    """Of any one pixel (MaxCLL)."""
    max_average: int
    """Of any one frame (MaxFALL)."""


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
    key_frame_delay: float = 0.0
    """Seconds from the time at which a key frame is decoded to when it is shown, at most; files are
    searched by the former."""
    interlaced: bool = False
    """Whether a frame is two fields taken one after the other."""
    mastering_display: MasteringDisplay | None = None
    content_light: ContentLight | None = None


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
    title: str | None = None
    """What the file calls it, for people; at most 100 characters."""
    default: bool = False
    """Whether the file says that this one is to be heard unless a viewer chooses."""


class SubtitleStream(msgspec.Struct, frozen=True):
    """One stream of subtitles that are text."""

    index: int
    """The stream's number in the file, from 0."""
    codec: str
    """The decoder's name in FFmpeg, such as ``subrip``, ``ass``, ``mov_text`` or ``webvtt``."""
    language: str | None
    title: str | None = None
    default: bool = False
    forced: bool = False
    """Whether they only translate what the film's own language does not say."""
    hearing_impaired: bool = False
    """Whether they tell sounds too."""


class MediaInfo(msgspec.Struct, frozen=True):
    """A file that was read from end to end, and whose first frame was decoded."""

    container: str
    """The demuxer's name in FFmpeg: the one to force when the file is opened again."""
    byte_size: int
    duration: float
    """Seconds from the start of the earliest stream to the end of the longest."""
    seekable: bool
    """Whether the container has an index that leads to any key frame exactly, and one is first."""
    video: VideoStream
    audio: tuple[AudioStream, ...]
    """In the order of the file; empty for silent films."""
    subtitles: tuple[SubtitleStream, ...] = ()
    """In the order of the file."""

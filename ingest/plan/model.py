"""The plan of an encode: immutable, and JSON by msgspec, so that any worker can carry it out.

Video time is counted in frames on an even grid that starts at 0; everything else follows from it.
"""

from enum import StrEnum
from fractions import Fraction

import msgspec

from common.hls import VideoRange
from ingest.inspect.media import ContentLight, MasteringDisplay, Rational


class VideoCodec(StrEnum):
    """What video is encoded to."""

    H264 = "h264"
    HEVC = "hevc"
    AV1 = "av1"


class AudioCodec(StrEnum):
    """What sound is encoded to."""

    AAC = "aac"
    OPUS = "opus"


class SourceInput(msgspec.Struct, frozen=True):
    """How to read the source."""

    container: str
    """The demuxer to force."""
    video_index: int
    """Number of the stream in the file, from 0."""
    origin: float
    """The source's time, in seconds, that becomes 0."""
    seekable: bool = True
    """Whether any time in it is found at the key frame before it, and not behind it."""
    seek_margin: float = 2.0
    """Seconds before a chunk at which to look for the key frame that its decoding starts with."""
    decoders: tuple[str, ...] = ()
    """The only decoders that are to run, by FFmpeg's names."""
    most_pixels: int = 0
    """The most that a picture may have; frames that have more are not decoded."""
    width: int = 0
    """Of its pictures, upright; frames of another size are brought to it. 0 where nobody looked."""
    height: int = 0
    interlaced: bool = False
    """Whether a frame is two fields; each becomes one where the grid has twice the source's frames.
    """
    transparent: bool = False
    """Whether its pixels say how much of what is behind them is seen through them."""
    video_range: VideoRange = VideoRange.SDR
    color_primaries: int = 2
    """Code point of ITU-T H.273 §8.1; 2 is unspecified."""
    color_transfer: int = 2
    """Code point of ITU-T H.273 §8.2."""
    color_matrix: int = 2
    """Code point of ITU-T H.273 §8.3."""
    full_range: bool = False
    mastering_display: MasteringDisplay | None = None
    content_light: ContentLight | None = None


class VideoRendition(msgspec.Struct, frozen=True):
    """One video rendition."""

    name: str
    """Such as ``h264-720p`` or ``hevc-1080p-hdr``: a folder of the package."""
    width: int
    """Pixels, even and square."""
    height: int
    max_bitrate: int
    """bit/s that a decoder's buffer of ``buffer_size`` is filled with (ITU-T H.264 Annex C)."""
    buffer_size: int
    """Bits."""
    codec: VideoCodec = VideoCodec.H264
    video_range: VideoRange = VideoRange.SDR
    """Other than SDR only where the source is; a source that is not SDR has SDR renditions too."""
    frame_step: int = 1
    """Every how-many-th frame of the plan's grid it shows: 2 where its frame rate is halved."""


class EncodeGroup(msgspec.Struct, frozen=True):
    """Renditions that one task makes of a chunk: the source is decoded once for all of them."""

    name: str
    """A codec's name, or such as ``h264-first``; part of the task's name."""
    codec: VideoCodec
    renditions: tuple[str, ...]
    """Names, best first."""


class AudioRendition(msgspec.Struct, frozen=True):
    """One audio rendition of one track."""

    name: str
    """Such as ``aac-128k`` or ``aac-128k-2``: a folder of the package."""
    codec: AudioCodec
    bitrate: int
    """bit/s."""
    channels: int
    sample_rate: int
    """Hz."""


class AudioTrack(msgspec.Struct, frozen=True):
    """One of the source's audio streams: one task decodes it once for all of its renditions."""

    index: int
    """Number of the stream in the file, from 0."""
    language: str | None
    """A tag of RFC 5646, such as ``en``."""
    label: str
    """For people; unique among the plan's tracks."""
    default: bool
    """Whether it is heard unless a viewer chooses; one of the tracks is."""
    sample_count: int
    """Samples per channel at 48 kHz, as long as the video."""
    loudness: float | None
    """LUFS that it is brought to (EBU R 128); None leaves it as it is."""
    renditions: tuple[AudioRendition, ...]
    """Highest rate of the first codec first."""


class SubtitleTrack(msgspec.Struct, frozen=True):
    """Subtitles out of the source that become WebVTT."""

    index: int
    """Number of the stream in the file, from 0."""
    name: str
    """Such as ``subtitles-en``: a folder of the package."""
    language: str
    """A tag of RFC 5646; ``und`` where it is not known."""
    label: str
    """For people; unique among the plan's subtitles."""
    default: bool
    forced: bool
    hearing_impaired: bool


class Pictures(msgspec.Struct, frozen=True):
    """The still and moving pictures that stand for the video."""

    poster_time: float
    """Seconds from the start at which the poster is taken."""
    width: int
    """Pixels of the poster, even."""
    height: int
    preview_start: float
    """Seconds from the start at which the animated preview begins."""
    preview_seconds: float
    preview_width: int
    preview_height: int
    tile_seconds: float
    """Seconds from one picture of the storyboard to the next."""
    tile_count: int
    tile_width: int
    tile_height: int
    columns: int
    """Pictures side by side in one sheet of the storyboard."""
    rows: int


class Chunk(msgspec.Struct, frozen=True):
    """Whole segments of the video that one encode task makes."""

    index: int
    first_frame: int
    """On the plan's grid."""
    frame_count: int
    first_segment: int
    segment_count: int


class EncodingPlan(msgspec.Struct, frozen=True):
    """All that is decided about an encode."""

    source: SourceInput
    frame_rate: Rational
    """Frames per second of the grid, constant."""
    frame_count: int
    keyframe_interval: int
    """Frames of the grid from one IDR picture to the next."""
    segment_frames: int
    """Frames of the grid in every segment but the last: whole groups of pictures."""
    timescale: int
    """Units per second of decode times in video segments; a frame lasts a whole number of them."""
    video: tuple[VideoRendition, ...]
    """By codec, H.264 first; of each codec best first, and in SDR H.264 never fewer than three."""
    groups: tuple[EncodeGroup, ...]
    """Every rendition of ``video`` is in exactly one."""
    audio: tuple[AudioTrack, ...]
    chunks: tuple[Chunk, ...]
    pictures: Pictures
    subtitles: tuple[SubtitleTrack, ...] = ()
    first: tuple[str, ...] = ()
    """Groups that are published, with the sound, before the others are encoded; none where all
    are published at once."""
    transport_stream: bool = False
    """Whether the SDR H.264 and AAC renditions are there as MPEG-2 transport streams too."""

    @property
    def frame_ticks(self) -> int:
        """Units of ``timescale`` that a frame of the grid lasts."""
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

    @property
    def encodes(self) -> tuple[tuple[EncodeGroup, Chunk], ...]:
        """What there is to encode of the pictures, in the order in which to begin.

        Group by group, of each the longest chunks first: then workers that take one after the other
        end at about one time (Graham, "Bounds on Multiprocessing Timing Anomalies", SIAM Journal on
        Applied Mathematics 17(2), 1969).
        """
        longest_first = sorted(self.chunks, key=lambda chunk: -chunk.frame_count)
        return tuple((group, chunk) for group in self.groups for chunk in longest_first)

    def rendition(self, name: str) -> VideoRendition:
        """The video rendition of that name, which exists."""
        return next(one for one in self.video if one.name == name)

    def rate_of(self, rendition: VideoRendition) -> Fraction:
        """Frames per second of ``rendition``."""
        return self.frame_rate.fraction / rendition.frame_step

    def frames_of(self, rendition: VideoRendition, chunk: Chunk) -> int:
        """Frames of ``rendition`` in ``chunk``; the last may be shown past the end of the grid."""
        return -(-chunk.frame_count // rendition.frame_step)

    def segment_frame_counts(self, chunk: Chunk) -> tuple[int, ...]:
        """Frames of the grid in each segment of ``chunk``."""
        whole = (self.segment_frames,) * (chunk.segment_count - 1)
        return (*whole, chunk.frame_count - sum(whole))

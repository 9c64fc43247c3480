"""Media playlists: the segments of one rendition (RFC 8216 §4.3.2, §4.3.3)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from common.hls.attributes import attribute_list, decimal, quoted, require, uri

FRACTIONS: Final = 3
"""The version that durations with a fraction need (RFC 8216 §7)."""
BYTE_RANGES: Final = 4
"""The version that byte ranges and playlists of I-frames need."""
MAPS: Final = 7
"""EXT-X-MAP needs 6, in playlists of I-frames 5; players expect 7 of fragmented MP4."""

EXTINF_PLACES: Final = 6
"""Digits of a duration: a long film's sum stays right to the millisecond."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A piece of a resource (RFC 8216 §4.3.2.2)."""

    size: int
    """Bytes, more than 0."""
    offset: int
    """Bytes from the resource's start."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One media segment."""

    uri: str
    duration: Fraction
    """Seconds, more than 0."""
    byte_range: ByteRange | None = None
    """The piece of the resource that it is; None where it is all of it."""


@dataclass(frozen=True)
class MediaPlaylist:
    """A whole rendition on demand, in segments that are independent of each other."""

    target_duration: int
    """Seconds; no segment's rounded duration is larger."""
    init_uri: str | None
    """The init segment that all segments share (EXT-X-MAP); transport streams and WebVTT have
    none."""
    segments: tuple[Segment, ...]
    i_frames_only: bool = False
    """Whether each segment is a single key frame, shown until the next one (§4.3.3.6)."""

    def write(self) -> str:
        """The playlist's text.

        Raises:
            PlaylistInvalid: it would not be legal.
        """
        return "\n".join(self._lines()) + "\n"

    @property
    def version(self) -> int:
        """The lowest protocol version that has all that the playlist uses (RFC 8216 §7)."""
        if self.init_uri is not None:
            return MAPS
        ranges = self.i_frames_only or any(one.byte_range is not None for one in self.segments)
        return BYTE_RANGES if ranges else FRACTIONS

    def _lines(self) -> Iterator[str]:
        longest = target_duration(segment.duration for segment in self.segments)
        require(
            longest <= self.target_duration,
            f"a segment of {longest} seconds is longer than the target {self.target_duration}",
        )
        yield "#EXTM3U"
        yield f"#EXT-X-VERSION:{self.version}"
        yield f"#EXT-X-TARGETDURATION:{self.target_duration}"
        yield "#EXT-X-PLAYLIST-TYPE:VOD"
        yield "#EXT-X-INDEPENDENT-SEGMENTS"
        if self.i_frames_only:
            yield "#EXT-X-I-FRAMES-ONLY"
        if self.init_uri is not None:
            yield "#EXT-X-MAP:" + attribute_list([("URI", quoted(uri(self.init_uri)))])
        for segment in self.segments:
            yield from _segment(segment)
        yield "#EXT-X-ENDLIST"


def target_duration(durations: Iterable[Fraction]) -> int:
    """The smallest target duration, in seconds, for segments so long (RFC 8216 §4.3.3.1)."""
    # The longest rounds to the most: one is rounded, halves upwards.
    longest = max(durations, default=Fraction(0))
    return int(longest + Fraction(1, 2))


def _segment(segment: Segment) -> Iterator[str]:
    require(segment.duration > 0, f"{segment.uri!r} has no duration")
    yield f"#EXTINF:{decimal(segment.duration, EXTINF_PLACES)},"
    piece = segment.byte_range
    if piece is not None:
        require(piece.size > 0 and piece.offset >= 0, f"{segment.uri!r} has no such bytes")
        yield f"#EXT-X-BYTERANGE:{piece.size}@{piece.offset}"
    yield uri(segment.uri)

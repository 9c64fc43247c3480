"""Media playlists: the segments of one rendition (RFC 8216 §4.3.2, §4.3.3)."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from common.hls.attributes import attribute_list, decimal, quoted, require, uri

VERSION: Final = 7
"""EXT-X-MAP outside of I-frame playlists needs 6 (RFC 8216 §7); players expect 7 of fMP4."""

EXTINF_PLACES: Final = 6
"""Digits of a duration: a long film's sum stays right to the millisecond."""


@dataclass(frozen=True)
class Segment:
    """One media segment."""

    uri: str
    duration: Fraction
    """Seconds, more than 0."""


@dataclass(frozen=True)
class MediaPlaylist:
    """A whole rendition on demand, in segments that are independent of each other."""

    target_duration: int
    """Seconds; no segment's rounded duration is larger."""
    init_uri: str
    """The init segment that all segments share (EXT-X-MAP)."""
    segments: tuple[Segment, ...]

    def write(self) -> str:
        """The playlist's text.

        Raises:
            PlaylistInvalid: it would not be legal.
        """
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        longest = target_duration(segment.duration for segment in self.segments)
        require(
            longest <= self.target_duration,
            f"a segment of {longest} seconds is longer than the target {self.target_duration}",
        )
        yield "#EXTM3U"
        yield f"#EXT-X-VERSION:{VERSION}"
        yield f"#EXT-X-TARGETDURATION:{self.target_duration}"
        yield "#EXT-X-PLAYLIST-TYPE:VOD"
        yield "#EXT-X-INDEPENDENT-SEGMENTS"
        yield "#EXT-X-MAP:" + attribute_list([("URI", quoted(uri(self.init_uri)))])
        for segment in self.segments:
            require(segment.duration > 0, f"{segment.uri!r} has no duration")
            yield f"#EXTINF:{decimal(segment.duration, EXTINF_PLACES)},"
            yield uri(segment.uri)
        yield "#EXT-X-ENDLIST"


def target_duration(durations: Iterable[Fraction]) -> int:
    """The smallest target duration, in seconds, for segments so long (RFC 8216 §4.3.3.1)."""
    return max((math.floor(duration + Fraction(1, 2)) for duration in durations), default=0)

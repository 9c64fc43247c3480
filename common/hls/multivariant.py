"""Multivariant playlists: the renditions to choose from (RFC 8216 §4.3.4, rfc8216bis §4.4.6)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from common.hls.attributes import attribute_list, decimal, quoted, require, uri
from common.hls.media import VERSION

CODEC: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]*\Z")
"""A codec's name as in RFC 6381; commas part them."""

LARGEST_INTEGER: Final = 2**64 - 1
"""Of a decimal-integer (RFC 8216 §4.2)."""


class VideoRange(StrEnum):
    """How brightness is coded (rfc8216bis §4.4.6.2)."""

    SDR = "SDR"
    HLG = "HLG"
    PQ = "PQ"


@dataclass(frozen=True)
class Resolution:
    """Pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class AudioMedia:
    """An audio rendition (EXT-X-MEDIA with TYPE=AUDIO)."""

    group: str
    name: str
    """For people; unique in its group."""
    uri: str
    channels: int
    default: bool

    def line(self) -> str:
        """The tag.

        Raises:
            PlaylistInvalid: it would not be legal.
        """
        require(self.channels > 0, f"audio {self.name!r} has no channels")
        return "#EXT-X-MEDIA:" + attribute_list(
            [
                ("TYPE", "AUDIO"),
                ("GROUP-ID", quoted(self.group)),
                ("NAME", quoted(self.name)),
                ("DEFAULT", "YES" if self.default else "NO"),
                ("AUTOSELECT", "YES"),
                ("CHANNELS", quoted(str(self.channels))),
                ("URI", quoted(uri(self.uri))),
            ]
        )


@dataclass(frozen=True)
class Variant:
    """A video rendition with the audio that goes with it (EXT-X-STREAM-INF)."""

    uri: str
    bandwidth: int
    """Peak bit/s, audio included."""
    average_bandwidth: int
    """bit/s over the whole length, audio included."""
    codecs: tuple[str, ...]
    """As in RFC 6381, of every rendition that plays at once."""
    resolution: Resolution
    frame_rate: Fraction
    video_range: VideoRange = VideoRange.SDR
    audio_group: str | None = None

    def line(self) -> str:
        """The tag.

        Raises:
            PlaylistInvalid: it would not be legal.
        """
        self._require_legal()
        return "#EXT-X-STREAM-INF:" + attribute_list(
            [
                ("BANDWIDTH", str(self.bandwidth)),
                ("AVERAGE-BANDWIDTH", str(self.average_bandwidth)),
                ("CODECS", quoted(",".join(self.codecs))),
                ("RESOLUTION", str(self.resolution)),
                ("FRAME-RATE", decimal(self.frame_rate, 3)),
                ("VIDEO-RANGE", self.video_range.value),
                ("AUDIO", quoted(self.audio_group) if self.audio_group is not None else None),
                # Players else offer captions that no rendition carries.
                ("CLOSED-CAPTIONS", "NONE"),
            ]
        )

    def _require_legal(self) -> None:
        require(
            0 < self.average_bandwidth <= self.bandwidth <= LARGEST_INTEGER,
            f"{self.uri!r} has an average of {self.average_bandwidth} bit/s and a peak of "
            f"{self.bandwidth}",
        )
        require(len(self.codecs) > 0, f"{self.uri!r} names no codec")
        for codec in self.codecs:
            require(CODEC.match(codec) is not None, f"{codec!r} is no codec")
        size = self.resolution
        require(size.width > 0 and size.height > 0, f"{self.uri!r} has no picture")
        require(self.frame_rate > 0, f"{self.uri!r} has no frame rate")


@dataclass(frozen=True)
class MultivariantPlaylist:
    """All renditions of a version."""

    variants: tuple[Variant, ...]
    """The one to start with first."""
    audio: tuple[AudioMedia, ...] = ()

    def write(self) -> str:
        """The playlist's text.

        Raises:
            PlaylistInvalid: it would not be legal.
        """
        self._require_groups()
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield "#EXTM3U"
        yield f"#EXT-X-VERSION:{VERSION}"
        yield "#EXT-X-INDEPENDENT-SEGMENTS"
        for audio in self.audio:
            yield audio.line()
        for variant in self.variants:
            yield variant.line()
            yield uri(variant.uri)

    def _require_groups(self) -> None:
        """RFC 8216 §4.3.4.1.1 and §4.3.4.2: names, defaults and references of groups."""
        require(len(self.variants) > 0, "it has no variant")
        groups = {audio.group for audio in self.audio}
        for group in groups:
            members = [audio for audio in self.audio if audio.group == group]
            names = {audio.name for audio in members}
            require(len(names) == len(members), f"two renditions of {group!r} share a name")
            defaults = sum(audio.default for audio in members)
            require(defaults <= 1, f"{group!r} has {defaults} default renditions")
        for variant in self.variants:
            require(
                variant.audio_group is None or variant.audio_group in groups,
                f"{variant.uri!r} names the audio group {variant.audio_group!r}, which has none",
            )

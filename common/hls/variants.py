"""Variants: what plays at once, for one bandwidth (RFC 8216 §4.3.4.2, rfc8216bis §4.4.6.2)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from common.hls.attributes import LARGEST_INTEGER, attribute_list, decimal, quoted, require, uri

CODEC: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]*\Z")
"""A codec's name as in RFC 6381; commas part them."""

PATHWAY: Final = re.compile(r"[A-Za-z0-9._\-]+\Z")
"""A pathway's name (rfc8216bis §4.4.6.2)."""


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
class Picture:
    """What a video rendition shows."""

    resolution: Resolution
    frame_rate: Fraction
    """Frames per second."""
    video_range: VideoRange = VideoRange.SDR


@dataclass(frozen=True)
class Variant:
    """A video rendition with the renditions that go with it, or sound alone (EXT-X-STREAM-INF)."""

    uri: str
    bandwidth: int
    """Peak bit/s, the most that any of its audio renditions adds included."""
    average_bandwidth: int
    """bit/s over the whole length, audio included in the same way."""
    codecs: tuple[str, ...]
    """As in RFC 6381, of every rendition that plays at once."""
    picture: Picture | None
    """None of sound alone."""
    audio_group: str | None = None
    subtitle_group: str | None = None
    score: int | None = None
    """How good it is beside the others, more than 0; of all variants, or of none."""
    pathway: str | None = None
    """The pathway that it is on, where players are steered between some."""

    def line(self) -> str:
        """The tag.

        Raises:
            PlaylistInvalid: it would not be legal.
        """
        require_rates(self.uri, self.bandwidth, self.average_bandwidth)
        require(self.score is None or self.score > 0, f"{self.uri!r} has a score of {self.score}")
        picture = self.picture
        frame_rate = None if picture is None else picture.frame_rate
        require(frame_rate is None or frame_rate > 0, f"{self.uri!r} has no frame rate")
        return "#EXT-X-STREAM-INF:" + attribute_list(
            [
                ("BANDWIDTH", str(self.bandwidth)),
                ("AVERAGE-BANDWIDTH", str(self.average_bandwidth)),
                ("SCORE", None if self.score is None else f"{self.score}.0"),
                ("CODECS", codec_list(self.uri, self.codecs)),
                ("RESOLUTION", None if picture is None else size(self.uri, picture.resolution)),
                ("FRAME-RATE", None if frame_rate is None else decimal(frame_rate, 3)),
                ("VIDEO-RANGE", None if picture is None else picture.video_range.value),
                ("AUDIO", _optional(self.audio_group)),
                ("SUBTITLES", _optional(self.subtitle_group)),
                # Players else offer captions that no rendition carries.
                ("CLOSED-CAPTIONS", None if picture is None else "NONE"),
                ("PATHWAY-ID", None if self.pathway is None else pathway_id(self.pathway)),
            ]
        )


@dataclass(frozen=True)
class IFrameVariant:
    """A playlist of key frames, to show while a viewer winds (EXT-X-I-FRAME-STREAM-INF)."""

    uri: str
    bandwidth: int
    """Peak bit/s."""
    average_bandwidth: int
    """bit/s over the whole length."""
    codec: str
    """As in RFC 6381."""
    resolution: Resolution
    video_range: VideoRange = VideoRange.SDR
    pathway: str | None = None

    def line(self) -> str:
        """The tag.

        Raises:
            PlaylistInvalid: it would not be legal.
        """
        require_rates(self.uri, self.bandwidth, self.average_bandwidth)
        return "#EXT-X-I-FRAME-STREAM-INF:" + attribute_list(
            [
                ("BANDWIDTH", str(self.bandwidth)),
                ("AVERAGE-BANDWIDTH", str(self.average_bandwidth)),
                ("CODECS", codec_list(self.uri, (self.codec,))),
                ("RESOLUTION", size(self.uri, self.resolution)),
                ("VIDEO-RANGE", self.video_range.value),
                ("PATHWAY-ID", None if self.pathway is None else pathway_id(self.pathway)),
                ("URI", quoted(uri(self.uri))),
            ]
        )


def require_rates(name: str, peak: int, average: int) -> None:
    """Refuse bit rates of the variant at ``name`` that cannot be.

    Raises:
        PlaylistInvalid: they cannot.
    """
    require(
        0 < average <= peak <= LARGEST_INTEGER,
        f"{name!r} has an average of {average} bit/s and a peak of {peak}",
    )


def codec_list(name: str, codecs: Sequence[str]) -> str:
    """``codecs`` of the variant at ``name`` as a quoted-string.

    Raises:
        PlaylistInvalid: there is none, or one that is no name of a codec.
    """
    require(len(codecs) > 0, f"{name!r} names no codec")
    for codec in codecs:
        require(CODEC.match(codec) is not None, f"{codec!r} is no codec")
    return quoted(",".join(codecs))


def size(name: str, resolution: Resolution) -> str:
    """``resolution`` of the variant at ``name`` as a decimal-resolution.

    Raises:
        PlaylistInvalid: there is nothing to see.
    """
    require(resolution.width > 0 and resolution.height > 0, f"{name!r} has no picture")
    return str(resolution)


def pathway_id(name: str) -> str:
    """The pathway ``name`` as a quoted-string.

    Raises:
        PlaylistInvalid: it has characters that such a name cannot have.
    """
    require(PATHWAY.match(name) is not None, f"{name!r} is no pathway")
    return quoted(name)


def _optional(text: str | None) -> str | None:
    return None if text is None else quoted(text)

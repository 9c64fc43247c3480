"""Multivariant playlists: all to choose from (RFC 8216 §4.3.4, rfc8216bis §4.4.6)."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from common.hls.attributes import attribute_list, language, quoted, require, uri
from common.hls.renditions import AudioMedia, SubtitleMedia, require_groups
from common.hls.variants import IFrameVariant, Variant, pathway_id

VERSION: Final = 4
"""EXT-X-MEDIA and EXT-X-I-FRAME-STREAM-INF came with it; nothing else written here needs more
(RFC 8216 §7). What a media playlist needs, it says itself."""

TITLE: Final = "com.apple.hls.title"
"""The session data that players show as the title."""

DATA_ID: Final = re.compile(r"[A-Za-z0-9._\-]+\Z")
"""The name of session data: a reversed DNS name, by convention."""


@dataclass(frozen=True)
class SessionData:
    """Something that a player may tell its viewer (EXT-X-SESSION-DATA)."""

    data_id: str
    value: str
    language: str | None = None
    """A tag of RFC 5646."""

    def line(self) -> str:
        """The tag.

        Raises:
            PlaylistInvalid: it would not be legal.
        """
        require(DATA_ID.match(self.data_id) is not None, f"{self.data_id!r} names no data")
        return "#EXT-X-SESSION-DATA:" + attribute_list(
            [
                ("DATA-ID", quoted(self.data_id)),
                ("VALUE", quoted(self.value)),
                ("LANGUAGE", language(self.language) if self.language is not None else None),
            ]
        )


@dataclass(frozen=True)
class ContentSteering:
    """Where a player asks which pathway to take (EXT-X-CONTENT-STEERING)."""

    server_uri: str
    pathway: str
    """The one to begin with."""

    def line(self) -> str:
        """The tag.

        Raises:
            PlaylistInvalid: it would not be legal.
        """
        return "#EXT-X-CONTENT-STEERING:" + attribute_list(
            [
                ("SERVER-URI", quoted(uri(self.server_uri))),
                ("PATHWAY-ID", pathway_id(self.pathway)),
            ]
        )


@dataclass(frozen=True)
class MultivariantPlaylist:
    """Renditions of a version."""

    variants: tuple[Variant, ...]
    """The one to start with first."""
    audio: tuple[AudioMedia, ...] = ()
    subtitles: tuple[SubtitleMedia, ...] = ()
    i_frames: tuple[IFrameVariant, ...] = ()
    session_data: tuple[SessionData, ...] = ()
    steering: ContentSteering | None = None

    def write(self) -> str:
        """The playlist's text.

        Raises:
            PlaylistInvalid: it would not be legal.
        """
        self._require_legal()
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield "#EXTM3U"
        yield f"#EXT-X-VERSION:{VERSION}"
        yield "#EXT-X-INDEPENDENT-SEGMENTS"
        if self.steering is not None:
            yield self.steering.line()
        for data in self.session_data:
            yield data.line()
        for audio in self.audio:
            yield audio.line()
        for subtitles in self.subtitles:
            yield subtitles.line()
        for variant in self.variants:
            yield variant.line()
            yield uri(variant.uri)
        for i_frames in self.i_frames:
            yield i_frames.line()

    def _require_legal(self) -> None:
        """RFC 8216 §4.3.4.1.1 to §4.3.4.4, rfc8216bis §4.4.6.6: what the tags say of each other."""
        require(len(self.variants) > 0, "it has no variant")
        audio, subtitles = require_groups(self.audio), require_groups(self.subtitles)
        for variant in self.variants:
            for kind, group, groups in (
                ("audio", variant.audio_group, audio),
                ("subtitle", variant.subtitle_group, subtitles),
            ):
                require(
                    group is None or group in groups,
                    f"{variant.uri!r} names the {kind} group {group!r}, which has none",
                )
        scored = sum(variant.score is not None for variant in self.variants)
        require(scored in {0, len(self.variants)}, "some variants have a score and some have none")
        if self.steering is not None:
            pathways = {variant.pathway for variant in self.variants}
            require(self.steering.pathway in pathways, "no variant is on the first pathway")
        told = Counter((one.data_id, one.language) for one in self.session_data)
        for data, count in told.items():
            require(count == 1, f"it tells {data[0]!r} twice")

"""From measured parts to playlists. Pure: reads no bytes of any segment."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final

import msgspec

from common.hls import (
    AudioMedia,
    MediaPlaylist,
    MultivariantPlaylist,
    Resolution,
    Segment,
    Variant,
    target_duration,
)
from ingest.package.bandwidth import Measured, average, peak
from ingest.package.checks import check_audio, check_video
from ingest.package.errors import PackageInvalid
from ingest.package.facts import Part
from ingest.package.layout import MULTIVARIANT_NAME, PLAYLIST_NAME, content_type
from ingest.plan.model import EncodingPlan, VideoRendition

AUDIO_GROUP: Final = "aac"
AUDIO_NAME: Final = "Main"

START_BITRATE: Final = 2_000_000
"""bit/s; Apple's authoring specification asks for the variant nearest to this first, because
players begin with the first that is listed."""


class Playlist(msgspec.Struct, frozen=True):
    """A playlist to write."""

    key: str
    """Below the version's prefix."""
    text: str


class ListedObject(msgspec.Struct, frozen=True):
    """An object that playlists name; it was written when its part was encoded."""

    key: str
    """Below the version's prefix."""
    size: int
    """Bytes."""
    sha256: str
    content_type: str


class Package(msgspec.Struct, frozen=True):
    """All that a version is made of, beside its poster."""

    playlists: tuple[Playlist, ...]
    """Media playlists first, the multivariant playlist last."""
    objects: tuple[ListedObject, ...]
    """Init segments and segments. What a part wrote beyond these is nobody's."""
    renditions: tuple[str, ...]
    """Names, best first, audio last."""
    duration: float
    """Seconds."""


def package(plan: EncodingPlan, parts: Mapping[str, Sequence[Part]]) -> Package:
    """The package of ``plan`` from the committed parts of each rendition, in chunk order.

    Raises:
        PackageInvalid: a part is missing or is not what was planned.
    """
    renditions = [_Rendition(one.name, parts.get(one.name, ())) for one in plan.video]
    for one, rendition in zip(plan.video, renditions, strict=True):
        check_video(plan, one, rendition.parts)
    audio = None
    if plan.audio is not None:
        audio = _Rendition(plan.audio.name, parts.get(plan.audio.name, ()))
        check_audio(plan, plan.audio, audio.parts)
    listed = [*renditions, *([audio] if audio else [])]
    target = target_duration(
        segment.duration for rendition in listed for segment in rendition.segments
    )
    playlists = [rendition.playlist(target) for rendition in listed]
    multivariant = _multivariant(plan, renditions, audio, target)
    return Package(
        playlists=(*playlists, Playlist(key=MULTIVARIANT_NAME, text=multivariant.write())),
        objects=tuple(item for rendition in listed for item in rendition.objects()),
        renditions=tuple(rendition.name for rendition in listed),
        duration=plan.duration,
    )


class _Rendition:
    """The parts of a rendition in a row."""

    def __init__(self, name: str, parts: Sequence[Part]) -> None:
        if not parts:
            raise PackageInvalid(rendition=name, reason="none of it was encoded")
        self.name = name
        self.parts = parts
        self.init = parts[0].facts.init
        self.segments = [
            Segment(
                uri=f"{part.name}/{segment.name}",
                duration=Fraction(segment.duration, self.init.timescale),
            )
            for part in parts
            for segment in part.facts.segments
        ]
        self.measured = [
            Measured(segment.size, Fraction(segment.duration, self.init.timescale))
            for part in parts
            for segment in part.facts.segments
        ]

    @property
    def playlist_key(self) -> str:
        return f"{self.name}/{PLAYLIST_NAME}"

    def playlist(self, target: int) -> Playlist:
        media = MediaPlaylist(
            target_duration=max(1, target),
            # All parts share one init segment, byte for byte: one is listed.
            init_uri=f"{self.parts[0].name}/{self.init.name}",
            segments=tuple(self.segments),
        )
        return Playlist(key=self.playlist_key, text=media.write())

    def objects(self) -> Iterator[ListedObject]:
        yield self._listed(self.parts[0].name, self.init.name, self.init.size, self.init.sha256)
        for part in self.parts:
            for segment in part.facts.segments:
                yield self._listed(part.name, segment.name, segment.size, segment.sha256)

    def _listed(self, part: str, name: str, size: int, sha256: str) -> ListedObject:
        key = f"{self.name}/{part}/{name}"
        return ListedObject(key=key, size=size, sha256=sha256, content_type=content_type(key))


def _multivariant(
    plan: EncodingPlan, video: Sequence[_Rendition], audio: _Rendition | None, target: int
) -> MultivariantPlaylist:
    variants = [
        _variant(plan, one, rendition, audio, max(1, target))
        for one, rendition in zip(plan.video, video, strict=True)
    ]
    first = min(variants, key=lambda variant: abs(variant.average_bandwidth - START_BITRATE))
    media: tuple[AudioMedia, ...] = ()
    if audio is not None:
        media = (
            AudioMedia(
                group=AUDIO_GROUP,
                name=AUDIO_NAME,
                uri=audio.playlist_key,
                channels=audio.init.channels,
                default=True,
            ),
        )
    return MultivariantPlaylist(
        variants=(first, *(variant for variant in variants if variant is not first)), audio=media
    )


def _variant(
    plan: EncodingPlan,
    planned: VideoRendition,
    rendition: _Rendition,
    audio: _Rendition | None,
    target: int,
) -> Variant:
    together = [rendition, *([audio] if audio else [])]
    return Variant(
        uri=rendition.playlist_key,
        bandwidth=sum(peak(one.measured, target) for one in together),
        average_bandwidth=sum(average(one.measured) for one in together),
        codecs=tuple(one.init.codec for one in together),
        resolution=Resolution(planned.width, planned.height),
        frame_rate=plan.frame_rate.fraction,
        audio_group=AUDIO_GROUP if audio else None,
    )

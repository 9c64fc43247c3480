"""Groups of sound: what a viewer may change between, and which picture each goes with.

A group holds every track in one codec at one rate. Each variant of a picture names one group, and
there is a variant of it for each codec: a player that changes the picture stays with its codec, and
one that lacks a codec passes its variants over. High renditions go with the high rate, low ones
with a low rate, where sound would else take the room that the picture needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Final

from common.hls import AudioMedia
from ingest.package.rendition import Rendition
from ingest.plan.model import AudioCodec, AudioTrack, EncodingPlan, VideoRendition

UNDETERMINED: Final = "und"
"""The tag of a language that is not known (RFC 5646 §4.1): Apple's specification asks for one."""

LARGEST_SHARE: Final = Fraction(1, 8)
"""Of the picture's highest rate that sound may take where there is sound at a lower rate."""


@dataclass(frozen=True)
class AudioGroup:
    """One codec at one rate, in every track."""

    codec: AudioCodec
    bitrate: int
    """bit/s, as planned."""
    members: tuple[tuple[AudioTrack, Rendition], ...]

    @property
    def name(self) -> str:
        """Such as ``aac-128k``."""
        return f"{self.codec}-{self.bitrate // 1000}k"

    @property
    def codecs(self) -> tuple[str, ...]:
        """As in RFC 6381."""
        return tuple(dict.fromkeys(rendition.init.codec for _, rendition in self.members))

    @property
    def first(self) -> Rendition:
        """What is heard unless a viewer chooses."""
        default = (rendition for track, rendition in self.members if track.default)
        return next(default, self.members[0][1])

    def media(self, names: Mapping[str, str]) -> tuple[AudioMedia, ...]:
        """Its tags, with the ``names`` that are shown of tracks by their labels."""
        # Of several in one language a player can choose one by itself (rfc8216bis §4.4.6.1.1).
        chosen = {track.language: track for track, _ in reversed(self.members)}
        chosen |= {track.language: track for track, _ in self.members if track.default}
        return tuple(
            AudioMedia(
                group=self.name,
                name=names[track.label],
                uri=rendition.playlist_key,
                channels=rendition.init.channels,
                default=track.default,
                language=track.language or UNDETERMINED,
                autoselect=chosen[track.language] is track,
            )
            for track, rendition in self.members
        )


def audio_groups(
    plan: EncodingPlan, renditions: Mapping[str, Rendition], *, prefix: str = ""
) -> tuple[AudioGroup, ...]:
    """The groups of those ``renditions`` whose names are ``prefix`` and a planned one's.

    AAC, which every player has, comes first; of each codec the highest rate does.
    """
    members: dict[tuple[AudioCodec, int], list[tuple[AudioTrack, Rendition]]] = {}
    for track in plan.audio:
        for one in track.renditions:
            rendition = renditions.get(prefix + one.name)
            if rendition is not None:
                members.setdefault((one.codec, one.bitrate), []).append((track, rendition))
    groups = [AudioGroup(codec, rate, tuple(found)) for (codec, rate), found in members.items()]
    return tuple(sorted(groups, key=lambda one: (one.codec is not AudioCodec.AAC, -one.bitrate)))


def fitting(
    plan: EncodingPlan, video: VideoRendition, groups: Sequence[AudioGroup]
) -> tuple[AudioGroup, ...]:
    """The group of each codec that goes with ``video``; ``groups`` are as `audio_groups` has them.

    The best rendition of a codec has the best sound. It is the same whichever renditions are there.
    """
    ladder = [
        one
        for one in plan.video
        if (one.codec, one.video_range) == (video.codec, video.video_range)
    ]
    best = max(ladder, key=lambda one: one.width * one.height)
    room = LARGEST_SHARE * video.max_bitrate
    chosen = []
    for _, rates in groupby(groups, key=lambda one: one.codec):
        high, *lower = rates
        options = (one for one in (high, *lower) if one.bitrate <= room)
        chosen.append(high if video == best or not lower else next(options, lower[-1]))
    return tuple(chosen)


def lowest(groups: Sequence[AudioGroup]) -> tuple[AudioGroup, ...]:
    """The group of the lowest rate of each codec; ``groups`` are as `audio_groups` has them."""
    return tuple(list(rates)[-1] for _, rates in groupby(groups, key=lambda one: one.codec))

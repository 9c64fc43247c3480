"""The multivariant playlists of a version: which variants each profile names, and how they rank."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from common.hls import (
    TITLE,
    AudioMedia,
    ContentSteering,
    IFrameVariant,
    MultivariantPlaylist,
    Picture,
    Resolution,
    SessionData,
    SubtitleMedia,
    Variant,
    VideoRange,
)
from common.messages import Profile
from ingest.package.bandwidth import Rates
from ingest.package.rendition import Rendition
from ingest.package.sound import AudioGroup, fitting, lowest
from ingest.plan.model import AudioCodec, EncodingPlan, VideoCodec, VideoRendition

START_BITRATE: Final = 2_000_000
"""bit/s; Apple's authoring specification asks for the variant nearest to this first, because
players begin with the first that is listed."""

UP_TO_720P: Final = 720
"""Pixels of the short side that the profile of that name ends at."""
DATA_SAVER: Final = 480

EFFICIENCY: Final = (VideoCodec.H264, VideoCodec.HEVC, VideoCodec.AV1)
"""Each makes the same picture of fewer bits than the one before."""


@dataclass(frozen=True)
class Shown:
    """A video rendition, planned and measured."""

    planned: VideoRendition
    rendition: Rendition

    @property
    def short_side(self) -> int:
        """Pixels."""
        return min(self.planned.width, self.planned.height)

    @property
    def pixels(self) -> int:
        """Of a picture."""
        return self.planned.width * self.planned.height


@dataclass(frozen=True)
class Offer:
    """All that a version offers."""

    plan: EncodingPlan
    title: str
    """As it may stand in a playlist; may be empty."""
    video: tuple[Shown, ...]
    sound: tuple[AudioGroup, ...]
    transport_video: tuple[Shown, ...]
    """Twins of some renditions, in transport streams."""
    transport_sound: tuple[AudioGroup, ...]
    subtitles: tuple[SubtitleMedia, ...]
    """One group."""
    transport_subtitles: tuple[SubtitleMedia, ...]
    """The same, timed by the clock of transport streams."""
    names: Mapping[str, str]
    """What is shown of tracks of sound, by their labels."""
    rates: Mapping[str, Rates]
    """By the keys of playlists."""
    steering: ContentSteering | None


@dataclass(frozen=True)
class _Pair:
    """What plays at once: a picture with sound, one without, or sound alone."""

    shown: Shown | None
    group: AudioGroup | None

    @property
    def main(self) -> Rendition:
        """What the variant leads to."""
        if self.shown is not None:
            return self.shown.rendition
        if self.group is not None:
            return self.group.first
        raise AssertionError


def multivariants(offer: Offer) -> Iterator[tuple[Profile, MultivariantPlaylist]]:
    """The playlist of each profile that has something to play, the main one last."""
    video, sound = offer.video, offer.sound
    if sound:
        yield Profile.AUDIO_ONLY, _playlist(offer, [_Pair(None, group) for group in sound])
    if offer.transport_video:
        offered = replace(offer, subtitles=offer.transport_subtitles)
        pairs = _pairs(offered, offer.transport_video, offer.transport_sound)
        yield Profile.TRANSPORT_STREAM, _playlist(offered, pairs)
    saving = _pairs(offer, _up_to(DATA_SAVER, video), lowest(sound))
    yield Profile.DATA_SAVER, _playlist(offer, saving)
    smaller = _pairs(offer, _up_to(UP_TO_720P, video), sound)
    yield Profile.UP_TO_720P, _playlist(offer, smaller)
    plain = [one for one in video if one.planned.codec is VideoCodec.H264]
    if plain:
        yield Profile.NO_HEVC_AV1, _playlist(offer, _pairs(offer, plain, sound))
    yield Profile.MAIN, _playlist(offer, _pairs(offer, video, sound))


def _up_to(limit: int, video: Sequence[Shown]) -> list[Shown]:
    """Those whose short side is at most ``limit`` pixels, or the smallest where none is."""
    fit = [one for one in video if one.short_side <= limit]
    return fit or sorted(video, key=lambda one: one.pixels)[:1]


def _pairs(offer: Offer, video: Iterable[Shown], sound: Sequence[AudioGroup]) -> list[_Pair]:
    return [
        _Pair(shown, group)
        for shown in video
        for group in (fitting(offer.plan, shown.planned, sound) or (None,))
    ]


def _playlist(offer: Offer, pairs: Sequence[_Pair]) -> MultivariantPlaylist:
    ranked = sorted(pairs, key=lambda pair: _quality(offer.plan, pair), reverse=True)
    scored = [
        _variant(offer, pair, score)
        for pair, score in zip(ranked, range(len(ranked), 0, -1), strict=True)
    ]
    first = _start(ranked, scored)
    shown = dict.fromkeys(pair.shown for pair in ranked if pair.shown is not None)
    groups = dict.fromkeys(pair.group for pair in ranked if pair.group is not None)
    audio: list[AudioMedia] = []
    for group in sorted(groups, key=(*offer.sound, *offer.transport_sound).index):
        audio += group.media(offer.names)
    return MultivariantPlaylist(
        variants=(first, *(one for one in scored if one is not first)),
        audio=tuple(audio),
        subtitles=offer.subtitles if shown else (),
        i_frames=tuple(_i_frames(offer, one) for one in shown if one.rendition.i_frames),
        session_data=(SessionData(TITLE, offer.title),) if offer.title else (),
        steering=offer.steering,
    )


def _quality(plan: EncodingPlan, pair: _Pair) -> tuple[Fraction | int, ...]:
    """What a variant is ranked by, as a viewer sees and hears it.

    Renditions are encoded to look alike but for their size, so the larger picture is the better,
    then the smoother, then the one with more range. Of pictures alike the codec that takes fewer
    bits is the better choice: players that compare codecs do so to take the best that they have.
    Then come the rate, where a codec has several, and the sound.
    """
    sound = () if pair.group is None else (pair.group.codec is AudioCodec.OPUS, pair.group.bitrate)
    if pair.shown is None:
        return sound
    planned = pair.shown.planned
    return (
        pair.shown.pixels,
        plan.rate_of(planned),
        planned.video_range is not VideoRange.SDR,
        EFFICIENCY.index(planned.codec),
        planned.max_bitrate,
        *sound,
    )


def _start(pairs: Sequence[_Pair], variants: Sequence[Variant]) -> Variant:
    """The variant to start with: one that every player has the codecs of, where there is one."""
    plain = [
        variant
        for pair, variant in zip(pairs, variants, strict=True)
        if (pair.shown is None or pair.shown.planned.codec is VideoCodec.H264)
        and (pair.group is None or pair.group.codec is AudioCodec.AAC)
    ]
    return min(
        plain or variants, key=lambda variant: abs(variant.average_bandwidth - START_BITRATE)
    )


def _variant(offer: Offer, pair: _Pair, score: int) -> Variant:
    rates, codecs = [], []
    if pair.shown is not None:
        rates.append(offer.rates[pair.main.playlist_key])
        codecs.append(pair.main.init.codec)
    if pair.group is not None:
        # Any of them may be chosen: the rates are those of the largest.
        sounds = [offer.rates[one.playlist_key] for _, one in pair.group.members]
        rates.append(Rates(max(one.peak for one in sounds), max(one.average for one in sounds)))
        codecs += pair.group.codecs
    return Variant(
        uri=pair.main.playlist_key,
        bandwidth=sum(one.peak for one in rates),
        average_bandwidth=sum(one.average for one in rates),
        codecs=tuple(codecs),
        picture=None if pair.shown is None else _picture(offer, pair.shown),
        audio_group=None if pair.group is None else pair.group.name,
        subtitle_group=offer.subtitles[0].group if offer.subtitles and pair.shown else None,
        score=score,
        pathway=None if offer.steering is None else offer.steering.pathway,
    )


def _picture(offer: Offer, shown: Shown) -> Picture:
    planned = shown.planned
    return Picture(
        Resolution(planned.width, planned.height),
        offer.plan.rate_of(planned),
        planned.video_range,
    )


def _i_frames(offer: Offer, shown: Shown) -> IFrameVariant:
    key = shown.rendition.i_frames_key
    return IFrameVariant(
        uri=key,
        bandwidth=offer.rates[key].peak,
        average_bandwidth=offer.rates[key].average,
        codec=shown.rendition.init.codec,
        resolution=Resolution(shown.planned.width, shown.planned.height),
        video_range=shown.planned.video_range,
        pathway=None if offer.steering is None else offer.steering.pathway,
    )

"""From what an inspection found to the plan of the encode."""

import math
import re
from fractions import Fraction
from typing import Final

from common.hls import VideoRange
from ingest.inspect.media import MediaInfo, Rational, VideoStream
from ingest.plan import sound, subtitles
from ingest.plan.chunks import chunk_count, cut, safe_to_chunk, seek_margin
from ingest.plan.groups import grouped
from ingest.plan.ladder import Size, display_size, ladder, upright
from ingest.plan.model import EncodingPlan, SourceInput, VideoCodec, VideoRendition
from ingest.plan.pictures import pictures
from ingest.plan.rungs import SLOW_RATE
from ingest.plan.settings import PlanSettings

HIGHEST_RATE: Final = 60
"""Apple's authoring specification, 1.19."""
LOWEST_RATE: Final = 1
"""Frames per second; slower sources repeat frames, so that segments keep their length."""

FIELDS: Final = 2
"""Of an interlaced frame; each becomes a frame, as Apple's authoring specification asks for."""

KEYFRAME_SECONDS: Final = 2
"""Apple's authoring specification, 1.13: a key frame every two seconds."""

COMMON_TIMESCALE: Final = 90_000
"""The clock of MPEG-2 systems; frames of most rates last a whole number of its ticks."""

LEAST_TIMESCALE: Final = 10_000

EARLY_AUDIO: Final = 0.1
"""Seconds; less is the encoder's delay, which belongs before the picture's start."""

ROOM_TO_GROW: Final = 8
LEAST_ROOM: Final = 1920 * 1088
"""Pixels. A broadcast may turn from SD to HD on its way; a bomb is far larger."""

TRANSPARENT: Final = re.compile("yuva|gbrap|rgba|bgra|argb|abgr|ya8|ya16|pal8")
"""How FFmpeg's names of pixels that have alpha begin."""

RANGES: Final = {16: VideoRange.PQ, 18: VideoRange.HLG}
"""By the code point of a source's transfer characteristics (ITU-T H.273 §8.2)."""


def plan(media: MediaInfo, settings: PlanSettings, *, short: bool) -> EncodingPlan:
    """The plan for ``media``, which was validated; ``short`` ones get short segments."""
    rate = output_rate(media.video)
    origin = _origin(media, rate)
    frame_count = max(1, round((Fraction(media.video.end_timestamp) - Fraction(origin)) * rate))
    duration = frame_count / rate
    keyframe_interval = _keyframe_interval(rate)
    length = settings.short_segment_seconds if short else settings.segment_seconds
    segment_frames = keyframe_interval * max(1, round(length * rate / keyframe_interval))
    size = display_size(media.video)
    video = _ladders(media.video, size, rate, settings)
    early = settings.first_seconds is not None and duration >= settings.first_seconds
    groups, first = grouped(video, first=early)
    return EncodingPlan(
        source=_source(media, origin),
        frame_rate=Rational.of(rate),
        frame_count=frame_count,
        keyframe_interval=keyframe_interval,
        segment_frames=segment_frames,
        timescale=_timescale(rate),
        video=video,
        groups=groups,
        audio=sound.tracks(media.audio, duration, settings),
        chunks=cut(
            frame_count,
            segment_frames=segment_frames,
            count=chunk_count(frame_count, segment_frames, rate, settings.chunk_seconds)
            if safe_to_chunk(media)
            else 1,
            keyframe_interval=keyframe_interval,
        ),
        pictures=pictures(media.video, size, float(duration)),
        subtitles=subtitles.tracks(media.subtitles),
        first=first,
        transport_stream=settings.transport_stream,
    )


def output_rate(video: VideoStream) -> Fraction:
    """Frames per second to encode: the source's, or the largest whole part of it up to 60; of an
    interlaced source its fields', which are moments of their own.
    """
    rate = video.frame_rate.fraction
    if video.interlaced and rate * FIELDS <= HIGHEST_RATE:
        rate *= FIELDS
    rate /= math.ceil(rate / HIGHEST_RATE)
    return max(rate, Fraction(LOWEST_RATE))


def _keyframe_interval(rate: Fraction) -> int:
    if rate > SLOW_RATE:
        # Even, so that renditions of half the rate have their key frames at the same times.
        return 2 * round(KEYFRAME_SECONDS * rate / 2)
    return max(1, round(KEYFRAME_SECONDS * rate))


def _source(media: MediaInfo, origin: float) -> SourceInput:
    video = media.video
    width, height = upright(video)
    sounds = (stream.codec for stream in sound.heard(media.audio))
    texts = (stream.codec for stream in subtitles.shown(media.subtitles))
    return SourceInput(
        container=media.container,
        video_index=video.index,
        origin=origin,
        seekable=media.seekable,
        seek_margin=seek_margin(media),
        decoders=tuple(dict.fromkeys((video.codec, *sounds, *texts))),
        most_pixels=max(LEAST_ROOM, video.width * video.height * ROOM_TO_GROW),
        width=width,
        height=height,
        interlaced=video.interlaced,
        transparent=bool(TRANSPARENT.match(video.pixel_format)),
        video_range=_range(video),
        color_primaries=video.color_primaries,
        color_transfer=video.color_transfer,
        color_matrix=video.color_matrix,
        full_range=video.full_range,
        mastering_display=video.mastering_display,
        content_light=video.content_light,
    )


def _range(video: VideoStream) -> VideoRange:
    return RANGES.get(video.color_transfer, VideoRange.SDR)


def _ladders(
    video: VideoStream, size: Size, rate: Fraction, settings: PlanSettings
) -> tuple[VideoRendition, ...]:
    """H.264 in SDR for everybody, and the other codecs in the source's own range.

    They are not there in SDR beside HDR: that Apple asks for SDR at all (1.24) H.264 answers, and
    each ladder more costs an encode of the whole video.
    """
    others: tuple[VideoRendition, ...] = ()
    for codec in VideoCodec:
        if codec is not VideoCodec.H264 and codec in settings.codecs:
            others += ladder(size, codec, video_range=_range(video), rate=rate)
    return ladder(size, VideoCodec.H264, rate=rate, alone=not others) + others


def _origin(media: MediaInfo, rate: Fraction) -> float:
    """The source's time that becomes 0: when the picture starts, or the sound where it leads.

    It lies a whole number of frames before the picture, so that frames stay on the grid.
    """
    start = media.video.first_timestamp
    lead = start - min((one.first_timestamp for one in sound.heard(media.audio)), default=start)
    if lead <= EARLY_AUDIO:
        return start
    return start - float(math.floor(lead * rate) / rate)


def _timescale(rate: Fraction) -> int:
    if COMMON_TIMESCALE * rate.denominator % rate.numerator == 0:
        return COMMON_TIMESCALE
    return rate.numerator * math.ceil(LEAST_TIMESCALE / rate.numerator)

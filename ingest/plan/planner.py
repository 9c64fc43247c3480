"""From what an inspection found to the plan of the encode."""

import math
from fractions import Fraction
from typing import Final

from ingest.inspect.media import MediaInfo, Rational, VideoStream
from ingest.plan.chunks import cut, safe_to_chunk
from ingest.plan.ladder import display_size, ladder
from ingest.plan.model import AudioRendition, EncodingPlan, SourceInput
from ingest.plan.settings import PlanSettings

HIGHEST_RATE: Final = 60
LOWEST_RATE: Final = 1
"""Frames per second; slower sources repeat frames, so that segments keep their length."""

KEYFRAME_SECONDS: Final = 2
"""Apple's authoring specification, §1.13: a key frame every two seconds."""

COMMON_TIMESCALE: Final = 90_000
"""The clock of MPEG-2 systems; frames of most rates last a whole number of its ticks."""

LEAST_TIMESCALE: Final = 10_000

SAMPLE_RATE: Final = 48_000
AAC_FRAME: Final = 1024
"""Samples of an AAC frame, which are also the samples an encoder puts ahead of the sound."""

EARLY_AUDIO: Final = 0.1
"""Seconds; less is the encoder's delay, which belongs before the picture's start."""

ROOM_TO_GROW: Final = 8
LEAST_ROOM: Final = 1920 * 1088
"""Pixels. A broadcast may turn from SD to HD on its way; a bomb is far larger."""

POSTER_SHARE: Final = 0.1
POSTER_LATEST: Final = 10.0

LONGEST_HOLD: Final = 1.0
"""Seconds that an inspection lets the last frame be shown."""


def plan(media: MediaInfo, settings: PlanSettings) -> EncodingPlan:
    """The plan for ``media``, which was validated."""
    video = media.video
    rate = output_rate(video)
    origin = _origin(media, rate)
    frame_count = max(1, round((Fraction(video.end_timestamp) - Fraction(origin)) * rate))
    keyframe_interval = max(1, round(KEYFRAME_SECONDS * rate))
    group_seconds = keyframe_interval / rate
    segment_frames = keyframe_interval * max(1, round(settings.segment_seconds / group_seconds))
    segments = -(-frame_count // segment_frames)
    chunk_segments = max(1, round(settings.chunk_seconds * rate / segment_frames))
    timescale = _timescale(rate)
    width, height = display_size(video)
    return EncodingPlan(
        source=SourceInput(
            container=media.container,
            video_index=video.index,
            audio_index=media.audio[0].index if media.audio else None,
            origin=origin,
            seekable=media.seekable,
            decoders=(video.codec, *(sound.codec for sound in media.audio[:1])),
            most_pixels=max(LEAST_ROOM, video.width * video.height * ROOM_TO_GROW),
        ),
        frame_rate=Rational.of(rate),
        frame_count=frame_count,
        keyframe_interval=keyframe_interval,
        segment_frames=segment_frames,
        timescale=timescale,
        video=ladder(width, height),
        audio=_audio(media, frame_count / rate, settings),
        chunks=cut(
            frame_count,
            segment_frames=segment_frames,
            chunk_segments=chunk_segments if safe_to_chunk(media) else segments,
            keyframe_interval=keyframe_interval,
        ),
        poster_time=_poster_time(video, float(frame_count / rate)),
    )


def output_rate(video: VideoStream) -> Fraction:
    """Frames per second to encode: the source's, or the largest whole part of it up to 60."""
    rate = video.frame_rate.fraction
    rate /= math.ceil(rate / HIGHEST_RATE)
    return max(rate, Fraction(LOWEST_RATE))


def _origin(media: MediaInfo, rate: Fraction) -> float:
    """The source's time that becomes 0: when the picture starts, or the sound where it leads.

    It lies a whole number of frames before the picture, so that frames stay on the grid.
    """
    start = media.video.first_timestamp
    lead = start - media.audio[0].first_timestamp if media.audio else 0.0
    if lead <= EARLY_AUDIO:
        return start
    return start - float(math.floor(lead * rate) / rate)


def _poster_time(video: VideoStream, seconds: float) -> float:
    early = min(seconds * POSTER_SHARE, POSTER_LATEST)
    if video.constant_frame_rate and video.frame_count > 1:
        return early
    # The last frame may be held so long that none starts later: a seek would find nothing.
    return min(early, max(0.0, seconds - LONGEST_HOLD))


def _timescale(rate: Fraction) -> int:
    if COMMON_TIMESCALE * rate.denominator % rate.numerator == 0:
        return COMMON_TIMESCALE
    return rate.numerator * math.ceil(LEAST_TIMESCALE / rate.numerator)


def _audio(media: MediaInfo, seconds: Fraction, settings: PlanSettings) -> AudioRendition | None:
    if not media.audio:
        return None
    # One frame less than the picture: with the frame that the encoder puts ahead, the sound would
    # else reach past the last segment and begin one of its own.
    samples = max(AAC_FRAME, math.ceil(seconds * SAMPLE_RATE) - AAC_FRAME)
    return AudioRendition(
        name=f"aac-{settings.audio_bitrate // 1000}k",
        bitrate=settings.audio_bitrate,
        channels=2,
        sample_rate=SAMPLE_RATE,
        sample_count=samples,
    )

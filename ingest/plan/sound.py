"""Which of the source's sounds viewers can choose from, and what they are encoded to."""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from ingest.inspect.media import AudioStream
from ingest.plan.languages import name_of, tag_of
from ingest.plan.model import AudioCodec, AudioRendition, AudioTrack
from ingest.plan.naming import label, unique
from ingest.plan.settings import PlanSettings

MOST_TRACKS: Final = 16
"""Each is encoded whole; films have less than half as many."""

SAMPLE_RATE: Final = 48_000
CHANNELS: Final = 2

AAC_FRAME: Final = 1024
"""Samples of an AAC frame, which are also the samples an encoder puts ahead of the sound."""

OPUS_SHARE: Final = Fraction(3, 4)
"""Opus sounds as good as AAC at three quarters of its rate."""


def heard(streams: tuple[AudioStream, ...]) -> tuple[AudioStream, ...]:
    """Those of ``streams`` that become tracks."""
    return streams[:MOST_TRACKS]


def tracks(
    streams: tuple[AudioStream, ...], seconds: Fraction, settings: PlanSettings
) -> tuple[AudioTrack, ...]:
    """A track for each of ``streams`` that is heard, for a picture that lasts ``seconds``.

    The one that the file prefers, or else the first, is the default.
    """
    chosen = heard(streams)
    default = next((stream for stream in chosen if stream.default), chosen[0] if chosen else None)
    labels: set[str] = set()
    names: set[str] = set()
    return tuple(
        AudioTrack(
            index=stream.index,
            language=tag_of(stream.language),
            label=unique(_label(stream, number), labels, " "),
            default=stream is default,
            sample_count=_samples(seconds),
            loudness=settings.loudness or None,
            renditions=tuple(_renditions(number, settings, names)),
        )
        for number, stream in enumerate(chosen, start=1)
    )


def _label(stream: AudioStream, number: int) -> str:
    tag = tag_of(stream.language)
    return label(stream.title) or (name_of(tag) if tag else f"Audio {number}")


def _samples(seconds: Fraction) -> int:
    # One frame less than the picture: with the frame that the encoder puts ahead, the sound would
    # else reach past the last segment and begin one of its own.
    return max(AAC_FRAME, math.ceil(seconds * SAMPLE_RATE) - AAC_FRAME)


def _renditions(
    number: int, settings: PlanSettings, names: set[str]
) -> Iterator[AudioRendition]:
    """What track ``number`` is encoded to; ``names`` are those that others have."""
    rates = sorted(set(settings.audio_bitrates), reverse=True)
    kinds = [(AudioCodec.AAC, rate) for rate in rates]
    if settings.opus:
        kinds += [(AudioCodec.OPUS, int(rate * OPUS_SHARE)) for rate in rates]
    for codec, rate in kinds:
        # Numbers, as languages are neither sure to be told nor to be different.
        suffix = f"-{number}" if number > 1 else ""
        yield AudioRendition(
            name=unique(f"{codec}-{rate // 1000}k{suffix}", names, "-"),
            codec=codec,
            bitrate=rate,
            channels=CHANNELS,
            sample_rate=SAMPLE_RATE,
        )

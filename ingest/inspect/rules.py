"""Which media are taken: each rule a function, for what headers claim and for what was found."""

from collections.abc import Iterable
from typing import Final

from ingest.inspect.errors import (
    CodecForbidden,
    FrameRateTooHigh,
    PictureTooLarge,
    PictureTooSmall,
    SoundUndecodable,
    SoundUnfit,
    StreamsTooMany,
    UploadTooLarge,
    VideoTooLong,
    VideoTooShort,
)
from ingest.inspect.limits import MediaLimits
from ingest.inspect.media import MediaInfo

OVERHANG: Final = 0.25
"""Seconds over the limit that pass: sound ends a little after the picture, containers round."""

MIN_SAMPLE_RATE: Final = 4000
"""Hz; telephones have twice as much."""

NAMED: Final = 4
"""Codecs that a sentence names at most."""


def validate(media: MediaInfo, limits: MediaLimits) -> None:
    """Refuse media beyond ``limits``.

    Raises:
        UploadRefused: UploadTooLarge, VideoTooLong, VideoTooShort, PictureTooLarge,
            PictureTooSmall, FrameRateTooHigh, SoundUnfit or SoundUndecodable, as their names say.
    """
    require_size(media.byte_size, limits)
    require_length(media.duration, limits)
    if media.duration < limits.min_seconds:
        raise VideoTooShort(seconds=media.duration, limit=limits.min_seconds)
    require_picture(media.video.width, media.video.height, limits)
    require_rate(float(media.video.frame_rate.fraction), limits)
    for sound in media.audio:
        require_sound(sound.channels, sound.sample_rate, limits)


def require_size(count: int, limits: MediaLimits) -> None:
    """Raises UploadTooLarge where a file has more bytes than are taken."""
    if count > limits.max_bytes:
        raise UploadTooLarge(bytes=count, limit=int(limits.max_bytes))


def require_length(seconds: float, limits: MediaLimits) -> None:
    """Raises VideoTooLong where media last longer than is taken."""
    if seconds > limits.max_seconds + OVERHANG:
        raise VideoTooLong(seconds=seconds, limit=limits.max_seconds)


def require_picture(width: int, height: int, limits: MediaLimits) -> None:
    """Raises PictureTooLarge or PictureTooSmall where a side is not within what is taken."""
    if max(width, height) > limits.max_side:
        raise PictureTooLarge(width=width, height=height, limit=limits.max_side)
    if min(width, height) < limits.min_side:
        raise PictureTooSmall(width=width, height=height, limit=limits.min_side)


def require_rate(rate: float, limits: MediaLimits) -> None:
    """Raises FrameRateTooHigh where there are more frames per second than are taken."""
    if rate > limits.max_frame_rate:
        raise FrameRateTooHigh(rate=rate, limit=limits.max_frame_rate)


def require_streams(count: int, limits: MediaLimits) -> None:
    """Raises StreamsTooMany where a file has more streams than are taken."""
    if count > limits.max_streams:
        raise StreamsTooMany(limit=limits.max_streams)


def require_sound(channels: int, sample_rate: int, limits: MediaLimits) -> None:
    """Raises SoundUnfit where channels or samples per second are not within what is taken,
    SoundUndecodable where there are no channels.
    """
    if not channels:
        raise SoundUndecodable
    most, highest = limits.max_channels, limits.max_sample_rate
    if not (channels <= most and MIN_SAMPLE_RATE <= sample_rate <= highest):
        raise SoundUnfit(
            channels=channels, rate=sample_rate, most=most, lowest=MIN_SAMPLE_RATE, highest=highest
        )


def require_codec(kind: str, found: Iterable[str], taken: tuple[str, ...]) -> None:
    """Raises CodecForbidden where ``found`` has codecs of ``kind``, and none that is ``taken``."""
    names = list(dict.fromkeys(found))
    if names and not set(names) & set(taken):
        shown, common = ", ".join(names[:NAMED]), ", ".join(taken[:NAMED])
        raise CodecForbidden(kind=kind, codec=shown, common=common)

"""How far an inspection may go, and which media are taken. Both are settings of ingest."""

from typing import Annotated

import msgspec
from msgspec import Meta

from common.settings import ByteSize
from ingest.inspect.errors import (
    FrameRateTooHigh,
    PictureTooLarge,
    UploadTooLarge,
    VideoTooLong,
)
from ingest.inspect.media import MediaInfo


class InspectionLimits(msgspec.Struct, frozen=True):
    """What the process that reads an upload may use."""

    wall_seconds: Annotated[
        float,
        Meta(gt=0, description="How long looking into a file may take.", extra={"unit": "seconds"}),
    ] = 300.0
    processor_seconds: Annotated[
        int,
        Meta(
            ge=1,
            description="Processor time for looking into a file.",
            extra={"unit": "seconds"},
        ),
    ] = 120
    memory: Annotated[
        ByteSize,
        Meta(
            description="Address space for looking into a file.",
            extra={"unit": "bytes"},
        ),
    ] = ByteSize(2 << 30)


class MediaLimits(msgspec.Struct, frozen=True):
    """Which media are taken."""

    max_bytes: Annotated[
        ByteSize,
        Meta(description="The largest file taken.", extra={"unit": "bytes"}),
    ] = ByteSize(20 << 30)
    max_seconds: Annotated[
        float,
        Meta(gt=0, description="The longest video taken.", extra={"unit": "seconds"}),
    ] = 6 * 3600.0
    max_side: Annotated[
        int,
        Meta(
            ge=2,
            description="The longest side of a picture taken.",
            extra={"unit": "pixels"},
        ),
    ] = 8192
    max_frame_rate: Annotated[
        float,
        Meta(
            gt=0,
            description="The highest frame rate taken.",
            extra={"unit": "frames per second"},
        ),
    ] = 250.0


def validate(media: MediaInfo, limits: MediaLimits) -> None:
    """Refuse media beyond ``limits``.

    Raises:
        UploadTooLarge, VideoTooLong, PictureTooLarge, FrameRateTooHigh: as their names say.
    """
    video = media.video
    if media.byte_size > limits.max_bytes:
        raise UploadTooLarge(bytes=media.byte_size, limit=int(limits.max_bytes))
    if media.duration > limits.max_seconds:
        raise VideoTooLong(seconds=media.duration, limit=limits.max_seconds)
    if max(video.width, video.height) > limits.max_side:
        raise PictureTooLarge(width=video.width, height=video.height, limit=limits.max_side)
    rate = float(video.frame_rate.fraction)
    if rate > limits.max_frame_rate:
        raise FrameRateTooHigh(rate=rate, limit=limits.max_frame_rate)

"""Media beyond the limits are refused in one sentence."""

import msgspec
import pytest

from common.settings import ByteSize, example
from ingest.inspect import (
    InspectionLimits,
    MediaInfo,
    MediaLimits,
    Rational,
    UploadRefused,
    validate,
)
from ingest.inspect.errors import FrameRateTooHigh, PictureTooLarge, UploadTooLarge, VideoTooLong
from tests.unit.ingest.media import media_info

LIMITS = MediaLimits(max_bytes=ByteSize(1000), max_seconds=60, max_side=1920, max_frame_rate=120)


def test_media_within_the_limits_pass() -> None:
    validate(media_info(byte_size=1000, width=1920, height=1080, seconds=60), LIMITS)


@pytest.mark.parametrize(
    ("media", "mistake", "sentence"),
    [
        (
            media_info(byte_size=1001),
            UploadTooLarge,
            "The file has 1001 bytes; at most 1000 are taken.",
        ),
        (
            media_info(byte_size=1, seconds=60.5),
            VideoTooLong,
            "The video lasts 60.5 seconds; at most 60 are taken.",
        ),
        (
            media_info(byte_size=1, width=1080, height=1921),
            PictureTooLarge,
            "The picture has 1080 by 1921 pixels; at most 1920 on a side are taken.",
        ),
        (
            media_info(byte_size=1, rate=Rational(241, 2)),
            FrameRateTooHigh,
            "The video has 120.50 frames per second; at most 120 are taken.",
        ),
    ],
)
def test_each_limit_has_its_sentence(
    media: MediaInfo, mistake: type[UploadRefused], sentence: str
) -> None:
    with pytest.raises(mistake) as refused:
        validate(media, LIMITS)

    assert str(refused.value) == sentence


@pytest.mark.parametrize("kind", [InspectionLimits, MediaLimits])
def test_limits_can_be_settings(kind: type[msgspec.Struct]) -> None:
    assert "Default:" in example(kind, heading="Limits")

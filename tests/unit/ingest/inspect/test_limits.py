"""Media beyond the limits are refused in one sentence."""

import msgspec
import pytest

from common.settings import ByteSize, check, example
from ingest.inspect import (
    AudioStream,
    InspectionLimits,
    MediaInfo,
    MediaLimits,
    MediaProfile,
    Rational,
    UploadRefused,
    limits_of,
    validate,
)
from ingest.inspect.errors import (
    CodecForbidden,
    FrameRateTooHigh,
    PictureTooLarge,
    PictureTooSmall,
    ProfileUnknown,
    SoundUndecodable,
    SoundUnfit,
    UploadTooLarge,
    VideoTooLong,
    VideoTooShort,
)
from ingest.inspect.rules import require_codec
from ingest.settings import Settings
from tests.unit.ingest.media import media_info

SOUND = AudioStream(
    index=1,
    codec="aac",
    channels=2,
    sample_rate=44_100,
    first_timestamp=0.0,
    end_timestamp=1.0,
    language=None,
)
LIMITS = MediaLimits(
    max_bytes=ByteSize(1000),
    max_seconds=60,
    min_seconds=0.1,
    max_side=1920,
    min_side=2,
    max_frame_rate=120,
)


def sounding(**changes: int) -> MediaInfo:
    """Media with sound that was changed."""
    sound = msgspec.structs.replace(SOUND, **changes)
    return msgspec.structs.replace(media_info(byte_size=1), audio=(sound,))


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
        (
            media_info(byte_size=1, seconds=0.05),
            VideoTooShort,
            "The video lasts 0.05 seconds; at least 0.1 are taken.",
        ),
        (
            media_info(byte_size=1, width=64, height=1),
            PictureTooSmall,
            "The picture has 64 by 1 pixels; at least 2 on a side are taken.",
        ),
        (
            sounding(channels=17),
            SoundUnfit,
            "The sound has 17 channels at 44100 Hz; up to 16 at 4000 to 192000 Hz are taken.",
        ),
        (
            sounding(sample_rate=1000),
            SoundUnfit,
            "The sound has 2 channels at 1000 Hz; up to 16 at 4000 to 192000 Hz are taken.",
        ),
        (
            sounding(channels=0),
            SoundUndecodable,
            "The sound cannot be decoded: nothing says how many channels it has.",
        ),
    ],
)
def test_each_limit_has_its_sentence(
    media: MediaInfo, mistake: type[UploadRefused], sentence: str
) -> None:
    with pytest.raises(mistake) as refused:
        validate(media, LIMITS)

    assert str(refused.value) == sentence


def test_a_little_more_than_the_longest_passes() -> None:
    validate(media_info(byte_size=1, seconds=60.2), LIMITS)


def test_by_default_ten_minutes_are_taken() -> None:
    validate(media_info(seconds=600), MediaLimits())
    with pytest.raises(VideoTooLong):
        validate(media_info(seconds=601), MediaLimits())


def test_codecs_are_refused_where_none_is_taken() -> None:
    require_codec("Sound", ["apac", "aac"], ("aac",))
    require_codec("Sound", [], ("aac",))
    with pytest.raises(CodecForbidden) as refused:
        require_codec("Video", ["png", "png"], ("h264", "hevc"))

    assert str(refused.value) == "Video in the codec png is not taken: use one such as h264, hevc."
    assert refused.value.status == 415


def test_an_upload_without_a_profile_gets_the_limits() -> None:
    assert limits_of(None, LIMITS, ()) is LIMITS


def test_shorts_are_the_limits_but_short() -> None:
    assert limits_of("shorts", LIMITS, ()) == msgspec.structs.replace(LIMITS, max_seconds=10)
    with pytest.raises(VideoTooLong, match="at most 10 are taken"):
        validate(media_info(byte_size=1, seconds=11), limits_of("shorts", LIMITS, ()))


def test_an_operator_has_profiles_of_their_own() -> None:
    films = MediaProfile(name="films", max_seconds=4 * 3600)
    shorts = MediaProfile(name="shorts", max_seconds=90)

    assert limits_of("films", LIMITS, (films,)).max_seconds == 4 * 3600
    assert limits_of("shorts", LIMITS, (films, shorts)).max_seconds == 90


def test_an_unknown_profile_is_told_with_those_that_are_known() -> None:
    with pytest.raises(ProfileUnknown) as unknown:
        limits_of("film", LIMITS, (MediaProfile(name="films"),))

    assert str(unknown.value) == "There is no profile 'film': choose one of films, shorts."
    assert unknown.value.status == 422


def test_profiles_are_tables_of_the_settings() -> None:
    document = {
        "listen": {"port": 1},
        "store": {"folder": "objects"},
        "database": {"sqlite": "jobs"},
        "work_folder": "work",
        "control": {"url": "http://localhost:1", "token": "a-token-of-some-length"},
        "limits": {"max_seconds": 1200.0},
        "profiles": [{"name": "films", "max_seconds": 14400.0, "max_bytes": "100GiB"}],
    }
    settings = check(document, Settings, source="settings")

    assert settings.limits_of(None).max_seconds == 1200
    assert settings.limits_of("films").max_bytes == 100 << 30
    assert settings.limits_of("shorts").max_seconds == 10


@pytest.mark.parametrize("kind", [InspectionLimits, MediaLimits, MediaProfile])
def test_limits_can_be_settings(kind: type[msgspec.Struct]) -> None:
    assert "Default:" in example(kind, heading="Limits")

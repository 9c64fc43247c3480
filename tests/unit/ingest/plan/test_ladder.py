"""The ladders: none larger than the source, and what the players of a codec can take."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.hls import VideoRange
from ingest.inspect import Rational
from ingest.plan import VideoCodec
from ingest.plan.ladder import bitrate, display_size, ladder
from ingest.plan.rungs import H264, HEVC, LEVELS
from tests.unit.ingest.media import media_info

SIDES = st.integers(min_value=1, max_value=8192)
CODECS = st.sampled_from(VideoCodec)
RATES = st.sampled_from([Fraction(24_000, 1001), Fraction(30), Fraction(50), Fraction(60)])
RANGES = st.sampled_from(VideoRange)


def sizes(
    width: int, height: int, codec: VideoCodec = VideoCodec.H264, rate: int = 30
) -> list[tuple[int, int]]:
    renditions = ladder((width, height), codec, rate=Fraction(rate))
    return [(rendition.width, rendition.height) for rendition in renditions]


def steps(width: int, height: int, codec: VideoCodec = VideoCodec.H264) -> dict[str, int]:
    renditions = ladder((width, height), codec, rate=Fraction(60))
    return {rendition.name: rendition.frame_step for rendition in renditions}


def test_full_hd_gets_the_whole_table() -> None:
    assert sizes(1920, 1080) == [
        (1920, 1080),
        (1280, 720),
        (960, 540),
        (768, 432),
        (640, 360),
        (416, 234),
    ]


def test_portrait_goes_by_the_short_side() -> None:
    assert sizes(1080, 1920)[:2] == [(1080, 1920), (720, 1280)]


def test_h264_ends_at_full_hd() -> None:
    assert sizes(3840, 2160)[0] == (1920, 1080)


@pytest.mark.parametrize(
    ("size", "best"),
    [
        ((3840, 2160), (2560, 1440)),
        ((1440, 2560), (1440, 2560)),
        ((1920, 1080), (1920, 1080)),
        ((8192, 1440), (3548, 624)),
    ],
)
def test_h264_alone_goes_on_to_1440(size: tuple[int, int], best: tuple[int, int]) -> None:
    first, second, *_ = ladder(size, alone=True)

    assert (first.width, first.height) == best
    assert first.max_bitrate > second.max_bitrate


@pytest.mark.parametrize("codec", [VideoCodec.HEVC, VideoCodec.AV1])
def test_newer_codecs_go_on_to_what_the_source_has(codec: VideoCodec) -> None:
    assert sizes(3840, 2160, codec)[:3] == [(3840, 2160), (2560, 1440), (1920, 1080)]
    assert sizes(2560, 1440, codec)[0] == (2560, 1440)
    assert sizes(7680, 4320, codec)[0] == (3840, 2160)


def test_a_wide_picture_is_shrunk_to_what_h264_players_take() -> None:
    assert sizes(2560, 1080)[:2] == [(2274, 960), (1706, 720)]
    assert sizes(2560, 1080, VideoCodec.HEVC)[0] == (2560, 1080)


def test_a_size_between_two_of_the_table_is_kept() -> None:
    assert sizes(1280, 640)[:2] == [(1280, 640), (1080, 540)]


def test_a_size_just_over_one_of_the_table_is_not_kept() -> None:
    assert sizes(1300, 730)[0] == (1282, 720)


def test_small_sources_get_fractions_of_their_size() -> None:
    assert sizes(320, 240) == [(320, 240), (240, 180), (160, 120)]


def test_newer_codecs_have_small_sources_once() -> None:
    assert sizes(320, 240, VideoCodec.HEVC) == [(320, 240)]


def test_a_single_pixel_becomes_the_least_that_can_be_coded() -> None:
    assert sizes(1, 1) == [(2, 2)] * 3


@pytest.mark.parametrize("codec", [VideoCodec.HEVC, VideoCodec.AV1])
def test_what_an_encoder_cannot_do_is_left_out(codec: VideoCodec) -> None:
    assert sizes(62, 62, codec) == []
    assert sizes(64, 64, codec) == [(64, 64)]


def test_low_renditions_of_fast_video_are_at_half_the_rate() -> None:
    assert steps(1920, 1080) == {
        "h264-1080p": 1,
        "h264-720p": 1,
        "h264-540p": 1,
        "h264-432p": 2,
        "h264-360p": 2,
        "h264-234p": 2,
    }


def test_the_best_rendition_keeps_the_rate_of_a_small_source() -> None:
    assert list(steps(320, 180).values()) == [1, 2, 2]


def test_what_is_too_fast_for_the_level_is_at_half_the_rate() -> None:
    wide = ladder((5120, 1440), rate=Fraction(60), alone=True)

    assert [(one.width, one.frame_step) for one in wide[:2]] == [(5120, 2), (2560, 1)]
    assert steps(3840, 2160, VideoCodec.HEVC)["hevc-2160p"] == 1
    assert steps(3840, 2160, VideoCodec.AV1)["av1-2160p"] == 1


def test_thirty_frames_a_second_are_not_halved() -> None:
    assert {rendition.frame_step for rendition in ladder((1920, 1080))} == {1}


def test_hdr_has_names_and_rates_of_its_own() -> None:
    best = ladder((3840, 2160), VideoCodec.HEVC, video_range=VideoRange.PQ)[0]

    assert (best.name, best.max_bitrate) == ("hevc-2160p-hdr", 20_000_000)
    assert best.video_range is VideoRange.PQ


def test_rates_are_those_of_the_table() -> None:
    assert {rendition.height: rendition.max_bitrate for rendition in ladder((1920, 1080))} == {
        rung.short_side: rung.bitrate for rung in H264
    }
    assert [one.max_bitrate for one in ladder((3840, 2160), VideoCodec.HEVC)] == [
        rung.bitrate for rung in HEVC
    ]


@given(SIDES, SIDES, CODECS, RANGES, RATES)
def test_what_always_holds(
    width: int, height: int, codec: VideoCodec, video_range: VideoRange, rate: Fraction
) -> None:
    renditions = ladder((width, height), codec, video_range=video_range, rate=rate)

    if codec is VideoCodec.H264:
        assert len(renditions) >= 3
    level = LEVELS[codec]
    assert len({rendition.name for rendition in renditions}) == len(renditions)
    for rendition in renditions:
        assert rendition.width % 2 == 0
        assert rendition.height % 2 == 0
        assert 2 <= rendition.width <= max(2, width)
        assert 2 <= rendition.height <= max(2, height)
        assert min(rendition.width, rendition.height) >= level.shortest
        assert max(rendition.width, rendition.height) <= level.longest
        blocks = -(-rendition.width // level.block) * -(-rendition.height // level.block)
        assert blocks * level.block**2 <= level.area
        assert blocks * level.block**2 * rate / rendition.frame_step <= level.rate
        assert rendition.frame_step == 1 or rate > 30
        assert rendition.max_bitrate >= 64_000
        assert rendition.buffer_size >= rendition.max_bitrate


@given(SIDES, SIDES, CODECS)
def test_better_renditions_come_first(width: int, height: int, codec: VideoCodec) -> None:
    renditions = ladder((width, height), codec)

    areas = [rendition.width * rendition.height for rendition in renditions]
    rates = [rendition.max_bitrate for rendition in renditions]
    assert areas == sorted(areas, reverse=True)
    assert rates == sorted(rates, reverse=True)


@given(SIDES, SIDES, CODECS)
def test_the_shape_of_the_picture_is_kept(width: int, height: int, codec: VideoCodec) -> None:
    for rendition in ladder((width, height), codec):
        # Both sides are rounded to the nearest even number, or down to one that fits.
        short, long = sorted((rendition.width, rendition.height))
        shape = max(width, height) / min(width, height)
        assert long + 3 >= (short - 3) * shape
        assert long - 3 <= (short + 3) * shape


@pytest.mark.parametrize(
    ("side", "rate"),
    [
        (2160, 7_800_000),
        (1080, 7_800_000),
        (630, 3_160_714),
        (432, 1_100_000),
        (180, 85_799),
        (4, 64_000),
    ],
)
def test_the_rate_of_a_size(side: int, rate: int) -> None:
    assert bitrate(side, H264) == rate


def test_between_two_sizes_only_the_higher_rate_of_each_counts() -> None:
    assert 1_600_000 < bitrate(600, HEVC) < 3_400_000
    assert 300_000 < bitrate(500, HEVC) < 1_600_000


@pytest.mark.parametrize(
    ("aspect", "rotation", "size"),
    [
        (Rational(1), 0, (720, 576)),
        (Rational(1), 90, (576, 720)),
        (Rational(1), 180, (720, 576)),
        (Rational(1), 270, (576, 720)),
        (Rational(64, 45), 0, (720, 405)),
        (Rational(1, 2), 0, (360, 576)),
        (Rational(0), 0, (720, 576)),
    ],
)
def test_the_size_a_viewer_sees(aspect: Rational, rotation: int, size: tuple[int, int]) -> None:
    media = media_info(width=720, height=576, aspect=aspect, rotation=rotation)

    assert display_size(media.video) == size

"""The ladder: at least three renditions, none larger than the source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.inspect import Rational
from ingest.plan.ladder import RUNGS, bitrate, display_size, ladder
from tests.unit.ingest.media import media_info

SIDES = st.integers(min_value=1, max_value=8192)


def sizes(width: int, height: int) -> list[tuple[int, int]]:
    return [(rendition.width, rendition.height) for rendition in ladder(width, height)]


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


def test_more_than_full_hd_is_shrunk_to_it() -> None:
    assert sizes(3840, 2160)[0] == (1920, 1080)


def test_a_size_between_two_of_the_table_is_kept() -> None:
    assert sizes(1280, 640)[:2] == [(1280, 640), (1080, 540)]


def test_a_size_just_over_one_of_the_table_is_not_kept() -> None:
    assert sizes(1300, 730)[0] == (1282, 720)


def test_small_sources_get_fractions_of_their_size() -> None:
    assert sizes(320, 240) == [(320, 240), (240, 180), (160, 120)]


def test_a_single_pixel_becomes_the_least_that_can_be_coded() -> None:
    assert sizes(1, 1) == [(2, 2)] * 3


def test_rates_are_those_of_the_table() -> None:
    assert {rendition.height: rendition.max_bitrate for rendition in ladder(1920, 1080)} == {
        rung.short_side: rung.bitrate for rung in RUNGS
    }


@given(SIDES, SIDES)
def test_what_always_holds(width: int, height: int) -> None:
    renditions = ladder(width, height)

    assert len(renditions) >= 3
    assert len({rendition.name for rendition in renditions}) == len(renditions)
    for rendition in renditions:
        assert rendition.width % 2 == 0
        assert rendition.height % 2 == 0
        assert 2 <= rendition.width <= max(2, width)
        assert 2 <= rendition.height <= max(2, height)
        assert rendition.max_bitrate >= 64_000
        assert rendition.buffer_size >= rendition.max_bitrate


@given(SIDES, SIDES)
def test_better_renditions_come_first(width: int, height: int) -> None:
    renditions = ladder(width, height)

    areas = [rendition.width * rendition.height for rendition in renditions]
    rates = [rendition.max_bitrate for rendition in renditions]
    assert areas == sorted(areas, reverse=True)
    assert rates == sorted(rates, reverse=True)


@given(SIDES, SIDES)
def test_the_shape_of_the_picture_is_kept(width: int, height: int) -> None:
    for rendition in ladder(width, height):
        # Both sides are rounded to the nearest even number, or down to one that fits.
        short, long = sorted((rendition.width, rendition.height))
        shape = max(width, height) / min(width, height)
        assert long + 2 >= (short - 2) * shape
        assert long - 2 <= (short + 2) * shape


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
    assert bitrate(side * 16 // 9, side) == rate


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

"""The storyboard's WebVTT: every moment has a picture, and every picture lies in its sheet."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.package.storyboard import sheet_count, sheet_name, storyboard_vtt
from tests.unit.ingest.plans import make_pictures_plan


def test_each_cue_names_a_sheet_and_a_rectangle_of_it() -> None:
    pictures = make_pictures_plan(
        seconds=9.5,
        tile_seconds=2.0,
        tile_count=5,
        tile_width=160,
        tile_height=90,
        columns=2,
        rows=2,
    )
    assert storyboard_vtt(pictures, 9.5) == (
        "WEBVTT\n"
        "\n00:00:00.000 --> 00:00:02.000\nstoryboard-000.jpg#xywh=0,0,160,90\n"
        "\n00:00:02.000 --> 00:00:04.000\nstoryboard-000.jpg#xywh=160,0,160,90\n"
        "\n00:00:04.000 --> 00:00:06.000\nstoryboard-000.jpg#xywh=0,90,160,90\n"
        "\n00:00:06.000 --> 00:00:08.000\nstoryboard-000.jpg#xywh=160,90,160,90\n"
        "\n00:00:08.000 --> 00:00:09.500\nstoryboard-001.jpg#xywh=0,0,160,90\n"
    )


@pytest.mark.parametrize(("tiles", "sheets"), [(1, 1), (12, 1), (13, 2), (24, 2), (25, 3)])
def test_there_are_as_many_sheets_as_pictures_need(tiles: int, sheets: int) -> None:
    assert sheet_count(make_pictures_plan(seconds=tiles, tile_count=tiles)) == sheets


def test_sheets_are_numbered_from_zero() -> None:
    assert [sheet_name(0), sheet_name(17)] == ["storyboard-000.jpg", "storyboard-017.jpg"]


def test_a_film_is_told_in_hours() -> None:
    pictures = make_pictures_plan(seconds=7200.04, tile_seconds=3600.0, tile_count=3)
    lines = storyboard_vtt(pictures, 7200.04).splitlines()
    assert lines[-2] == "02:00:00.000 --> 02:00:00.040"


@given(st.integers(1, 200), st.floats(0.04, 1), st.sampled_from([1.0, 2.0, 5.0, 60.0]))
def test_cues_cover_the_video_without_a_gap(tiles: int, share: float, step: float) -> None:
    duration = (tiles - 1) * step + share * step
    pictures = make_pictures_plan(seconds=duration, tile_seconds=step, tile_count=tiles)
    spans = re.findall(r"(\S+) --> (\S+)", storyboard_vtt(pictures, duration))
    assert spans[0][0] == "00:00:00.000"
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    assert len(spans) == tiles
    assert all(start < end for start, end in spans)

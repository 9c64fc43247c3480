"""Cues to segments: the grid is the video's, and nobody who begins anywhere misses a cue."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.inspect import Rational
from ingest.subtitles.cues import Cue
from ingest.subtitles.errors import SubtitlesTooDense
from ingest.subtitles.parse import parse_subtitles
from ingest.subtitles.segments import HEADER, segment_texts
from tests.unit.ingest.plans import make_plan

HEAD = HEADER.format(start=0)


def texts(*cues: Cue, seconds: float = 10) -> list[str]:
    return list(segment_texts(cues, make_plan(seconds=seconds, segment_seconds=4)))


def shown(cues: tuple[Cue, ...], time: int) -> set[str]:
    return {cue.text for cue in cues if cue.start <= time < cue.end}


def test_every_segment_of_the_video_has_one() -> None:
    assert texts() == [HEAD] * 3


def test_each_segment_says_where_its_clock_begins() -> None:
    assert HEAD == "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n"
    [text] = segment_texts((), make_plan(seconds=1), start=126_000)
    assert "\nX-TIMESTAMP-MAP=MPEGTS:126000,LOCAL:00:00:00.000\n" in text


def test_a_cue_is_in_each_segment_it_is_shown_in_with_its_own_times() -> None:
    block = "\n00:00:03.000 --> 00:00:05.000 line:0\nx\n"
    assert texts(Cue(3000, 5000, "x", "line:0")) == [HEAD + block, HEAD + block, HEAD]


def test_a_cue_that_ends_with_a_segment_is_not_in_the_next() -> None:
    first, second, third = texts(Cue(0, 4000, "a"), Cue(4000, 8000, "b"))
    assert ("a\n" in first, "b\n" in first) == (True, False)
    assert ("a\n" in second, "b\n" in second) == (False, True)
    assert third == HEAD


def test_a_cue_after_the_end_is_nowhere() -> None:
    assert texts(Cue(12_000, 13_000, "x")) == [HEAD] * 3


def test_a_grid_of_broken_frame_rates_is_met_exactly() -> None:
    plan = make_plan(seconds=60, rate=Rational(2997, 100), segment_seconds=6)
    begin = plan.segment_duration * 5 * 1000
    assert begin != int(begin)
    made = list(segment_texts((Cue(int(begin), int(begin) + 1, "x"),), plan))
    # It ends a fraction of a millisecond after the boundary, and begins before it.
    assert [number for number, text in enumerate(made) if text != HEAD] == [4, 5]


def test_cues_that_fill_every_segment_are_refused_before_any_is_made() -> None:
    cues = tuple(Cue(0, 40_000_000, "x" * 1000) for _ in range(100))
    with pytest.raises(SubtitlesTooDense):
        next(segment_texts(cues, make_plan(seconds=40_000, segment_seconds=2)))


@given(
    st.lists(st.tuples(st.integers(0, 12_000), st.integers(1, 9000)), max_size=12),
    st.integers(1, 11_000),
)
def test_whoever_begins_at_any_time_sees_the_cues_of_that_time(
    spans: list[tuple[int, int]], time: int
) -> None:
    cues = tuple(Cue(start, start + length, f"c{n}") for n, (start, length) in enumerate(spans))
    plan = make_plan(seconds=11, segment_seconds=4)
    made = list(segment_texts(cues, plan))
    number = min(int(Fraction(time, 1000) / plan.segment_duration), len(made) - 1)
    seen = {
        cue.text for cue in parse_subtitles(made[number].encode()) if cue.start <= time < cue.end
    }
    assert seen == {cue.text for cue in cues if cue.start <= time < cue.end}

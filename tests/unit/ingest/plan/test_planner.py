"""From a source's description to the plan."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.settings import example
from ingest.inspect import Rational
from ingest.plan import EncodingPlan, PlanSettings, plan
from tests.unit.ingest.media import media_info

SETTINGS = PlanSettings()

RATES = st.one_of(
    st.sampled_from(
        [Rational(24_000, 1001), Rational(25), Rational(30_000, 1001), Rational(60), Rational(120)]
    ),
    st.builds(Rational, st.integers(1, 250), st.integers(1, 4)),
)


def test_a_minute_of_thirty_frames_a_second() -> None:
    planned = plan(media_info(), SETTINGS)

    assert planned.frame_count == 1800
    assert planned.keyframe_interval == 60
    assert planned.segment_frames == 180
    assert planned.segment_count == 10
    assert planned.duration == 60.0
    assert (planned.timescale, planned.frame_ticks) == (90_000, 3000)
    assert [chunk.first_frame for chunk in planned.chunks] == [0, 900]
    assert [chunk.segment_count for chunk in planned.chunks] == [5, 5]


@pytest.mark.parametrize(
    ("source", "encoded"),
    [
        (Rational(24_000, 1001), Rational(24_000, 1001)),
        (Rational(60), Rational(60)),
        (Rational(120), Rational(60)),
        (Rational(120_000, 1001), Rational(60_000, 1001)),
        (Rational(100), Rational(50)),
        (Rational(240), Rational(60)),
        (Rational(1, 2), Rational(1)),
    ],
)
def test_the_frame_rate_is_capped(source: Rational, encoded: Rational) -> None:
    assert plan(media_info(rate=source), SETTINGS).frame_rate == encoded


def test_film_is_cut_in_whole_groups() -> None:
    planned = plan(media_info(rate=Rational(24_000, 1001)), SETTINGS)

    assert planned.keyframe_interval == 48
    assert planned.segment_duration == Fraction(6006, 1000)
    assert planned.timescale == 24_000
    assert planned.frame_ticks == 1001


@given(rate=RATES, seconds=st.floats(min_value=0.01, max_value=20_000), safe=st.booleans())
def test_what_always_holds(rate: Rational, seconds: float, safe: bool) -> None:
    planned = plan(media_info(rate=rate, seconds=seconds, constant=safe), SETTINGS)

    assert 1 <= planned.frame_rate.fraction <= 60
    assert planned.timescale % planned.frame_rate.fraction == 0
    assert planned.timescale < 2**31
    assert planned.frame_ticks * planned.frame_rate.fraction == planned.timescale
    assert planned.segment_frames % planned.keyframe_interval == 0
    assert abs(planned.duration - seconds) <= 1 / planned.frame_rate.fraction
    assert sum(chunk.frame_count for chunk in planned.chunks) == planned.frame_count
    assert sum(chunk.segment_count for chunk in planned.chunks) == planned.segment_count
    for chunk in planned.chunks:
        counts = planned.segment_frame_counts(chunk)
        assert sum(counts) == chunk.frame_count
        assert all(0 < count <= planned.segment_frames for count in counts)
    assert safe or len(planned.chunks) == 1
    assert 0 <= planned.poster_time < planned.duration


@given(rate=RATES, seconds=st.floats(min_value=0.01, max_value=20_000))
def test_plans_travel_as_json(rate: Rational, seconds: float) -> None:
    planned = plan(media_info(rate=rate, seconds=seconds), SETTINGS)

    assert msgspec.json.decode(msgspec.json.encode(planned), type=EncodingPlan) == planned


def test_silent_films_get_no_audio() -> None:
    planned = plan(media_info(audio_start=None), SETTINGS)

    assert planned.audio is None
    assert planned.source.audio_index is None


def test_audio_is_as_long_as_the_picture_but_for_a_frame() -> None:
    audio = plan(media_info(), SETTINGS).audio

    assert audio is not None
    assert audio.sample_count == 60 * 48_000 - 1024
    assert (audio.channels, audio.bitrate, audio.name) == (2, 128_000, "aac-128k")


def test_the_picture_s_start_becomes_zero() -> None:
    assert plan(media_info(start=1.4, audio_start=1.35), SETTINGS).source.origin == 1.4


def test_sound_that_leads_is_kept_and_frames_stay_on_the_grid() -> None:
    planned = plan(media_info(start=1.51, audio_start=0.0, seconds=10), SETTINGS)

    frames_before = (1.51 - planned.source.origin) * 30
    assert frames_before == pytest.approx(45)
    assert planned.frame_count == 345


def test_rotation_turns_the_ladder() -> None:
    best = plan(media_info(rotation=90), SETTINGS).video[0]

    assert (best.width, best.height) == (720, 1280)


def test_the_segment_s_length_is_a_setting() -> None:
    planned = plan(media_info(), PlanSettings(segment_seconds=2.5, chunk_seconds=10))

    assert planned.segment_frames == 60
    assert [chunk.segment_count for chunk in planned.chunks] == [5] * 6


def test_settings_explain_themselves() -> None:
    assert "# segment_seconds = 6.0" in example(PlanSettings, heading="Plan")


def test_the_poster_is_taken_where_a_frame_is_sure_to_start() -> None:
    steady = plan(media_info(seconds=1.5), SETTINGS)
    paused = plan(media_info(seconds=1.05, constant=False), SETTINGS)

    assert steady.poster_time == pytest.approx(0.15)
    assert paused.poster_time == pytest.approx(0.05, abs=0.02)


def test_an_encode_may_use_the_decoders_that_were_inspected_and_no_others() -> None:
    source = plan(media_info(width=1920, height=1080), SETTINGS).source

    assert source.decoders == ("h264", "aac")
    assert source.most_pixels == 8 * 1920 * 1080
    assert plan(media_info(audio_start=None), SETTINGS).source.decoders == ("h264",)

"""From a source's description to the plan."""

import math
import re
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.hls import VideoRange
from common.settings import check, example
from ingest.inspect import MediaInfo, Rational
from ingest.inspect.media import ContentLight, SubtitleStream
from ingest.plan import AudioCodec, EncodingPlan, PlanSettings, VideoCodec, VideoRendition, plan
from tests.unit.ingest.media import media_info

SETTINGS = PlanSettings()
ALL = PlanSettings(codecs=tuple(VideoCodec), opus=True)

RATES = st.one_of(
    st.sampled_from(
        [Rational(24_000, 1001), Rational(25), Rational(30_000, 1001), Rational(60), Rational(120)]
    ),
    st.builds(Rational, st.integers(1, 250), st.integers(1, 4)),
)

WORDS = st.one_of(st.none(), st.text(max_size=100))

MEDIA = st.builds(
    media_info,
    width=st.integers(1, 8192),
    height=st.integers(1, 8192),
    rate=RATES,
    seconds=st.floats(min_value=0.01, max_value=20_000),
    start=st.floats(min_value=-5, max_value=5),
    rotation=st.sampled_from([0, 90, 180, 270]),
    constant=st.booleans(),
    exact=st.booleans(),
    seekable=st.booleans(),
    audio_start=st.one_of(st.none(), st.floats(min_value=-5, max_value=5)),
    interlaced=st.booleans(),
    transfer=st.sampled_from([1, 2, 16, 18]),
    tracks=st.lists(st.tuples(WORDS, WORDS, st.booleans()), max_size=40),
    subtitles=st.lists(
        st.builds(
            SubtitleStream,
            index=st.integers(2, 60),
            codec=st.just("subrip"),
            language=WORDS,
            title=WORDS,
            default=st.booleans(),
        ),
        max_size=40,
    ),
)

CHOICES = st.builds(
    PlanSettings,
    codecs=st.sets(st.sampled_from(VideoCodec)).map(tuple),
    opus=st.booleans(),
    transport_stream=st.booleans(),
    segment_seconds=st.floats(min_value=2, max_value=30),
    chunk_seconds=st.one_of(st.none(), st.floats(min_value=2, max_value=600)),
    first_seconds=st.one_of(st.none(), st.floats(min_value=0, max_value=600)),
    audio_bitrates=st.lists(st.integers(32_000, 512_000), min_size=1, max_size=3).map(tuple),
)

KEY_SAFE = re.compile(r"[A-Za-z0-9-]{1,64}")


def planned(media: MediaInfo, settings: PlanSettings = SETTINGS) -> EncodingPlan:
    return plan(media, settings, short=False)


def test_a_minute_of_thirty_frames_a_second() -> None:
    found = planned(media_info())

    assert found.frame_count == 1800
    assert found.keyframe_interval == 60
    assert found.segment_frames == 180
    assert found.segment_count == 10
    assert found.duration == 60.0
    assert (found.timescale, found.frame_ticks) == (90_000, 3000)
    assert [chunk.first_frame for chunk in found.chunks] == [0, 360, 900, 1260]
    assert [chunk.segment_count for chunk in found.chunks] == [2, 3, 2, 3]


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
    assert planned(media_info(rate=source)).frame_rate == encoded


@pytest.mark.parametrize(
    ("source", "encoded"),
    [
        (Rational(25), Rational(50)),
        (Rational(30_000, 1001), Rational(60_000, 1001)),
        (Rational(50), Rational(50)),
    ],
)
def test_each_field_of_an_interlaced_source_is_a_frame(source: Rational, encoded: Rational) -> None:
    found = planned(media_info(rate=source, interlaced=True))

    assert found.frame_rate == encoded
    assert found.source.interlaced


def test_film_is_cut_in_whole_groups() -> None:
    found = planned(media_info(rate=Rational(24_000, 1001)))

    assert found.keyframe_interval == 48
    assert found.segment_duration == Fraction(6006, 1000)
    assert found.timescale == 24_000
    assert found.frame_ticks == 1001


@given(media=MEDIA, settings=CHOICES, short=st.booleans())
def test_what_always_holds(media: MediaInfo, settings: PlanSettings, short: bool) -> None:
    found = plan(media, settings, short=short)

    assert 1 <= found.frame_rate.fraction <= 60
    assert found.timescale < 2**31
    assert found.frame_ticks * found.frame_rate.fraction == found.timescale
    assert found.segment_frames % found.keyframe_interval == 0
    assert found.duration + 1 / found.frame_rate.fraction >= (
        media.video.end_timestamp - media.video.first_timestamp
    )
    assert msgspec.json.decode(msgspec.json.encode(found), type=EncodingPlan) == found
    _require_chunks(found)
    _require_renditions(found, settings)
    _require_tracks(found, media)
    _require_pictures(found)


def _require_chunks(found: EncodingPlan) -> None:
    assert sum(chunk.frame_count for chunk in found.chunks) == found.frame_count
    assert sum(chunk.segment_count for chunk in found.chunks) == found.segment_count
    frame = 0
    for chunk in found.chunks:
        assert chunk.first_frame == frame
        counts = found.segment_frame_counts(chunk)
        assert sum(counts) == chunk.frame_count
        assert all(0 < count <= found.segment_frames for count in counts)
        frame += chunk.frame_count


def _require_renditions(found: EncodingPlan, settings: PlanSettings) -> None:
    names = [rendition.name for rendition in found.video]
    assert len({*names}) == len(names)
    assert all(KEY_SAFE.fullmatch(name) for name in names)
    grouped = [name for group in found.groups for name in group.renditions]
    assert sorted(grouped) == sorted(names)
    assert len({group.name for group in found.groups}) == len(found.groups)
    assert {*found.first} < {group.name for group in found.groups}
    assert {VideoCodec.H264} <= {one.codec for one in found.video}
    assert {one.codec for one in found.video} <= {VideoCodec.H264, *settings.codecs}
    for group in found.groups:
        assert {found.rendition(name).codec for name in group.renditions} == {group.codec}
    for one in found.video:
        assert one.video_range in {VideoRange.SDR, found.source.video_range}
        assert found.rate_of(one) * found.keyframe_interval % found.frame_rate.fraction == 0
        assert found.keyframe_interval % one.frame_step == 0
        assert one.codec is not VideoCodec.H264 or one.video_range is VideoRange.SDR
        for chunk in found.chunks:
            assert chunk.first_frame % one.frame_step == 0


def _require_tracks(found: EncodingPlan, media: MediaInfo) -> None:
    assert len(found.audio) == min(16, len(media.audio))
    assert len(found.subtitles) == min(32, len(media.subtitles))
    assert [track.default for track in found.audio].count(True) == bool(found.audio)
    assert [track.default for track in found.subtitles].count(True) <= 1
    for tracks in (found.audio, found.subtitles):
        labels = [track.label for track in tracks]
        assert all(labels)
        assert len({*labels}) == len(labels)
        assert all(len(label) <= 104 and '"' not in label for label in labels)
    names = [one.name for track in found.audio for one in track.renditions]
    names += [track.name for track in found.subtitles]
    assert len({*names}) == len(names)
    assert all(KEY_SAFE.fullmatch(name) for name in names)
    for track in found.audio:
        assert track.sample_count >= 1024
        assert track.sample_count / 48_000 <= max(found.duration, 1024 / 48_000)


def _require_pictures(found: EncodingPlan) -> None:
    shown = found.pictures
    assert 0 <= shown.poster_time < found.duration
    assert 0 <= shown.preview_start < shown.preview_start + shown.preview_seconds
    assert shown.preview_start + shown.preview_seconds <= found.duration + 1e-6
    assert 1 <= shown.tile_count <= 200
    assert (shown.tile_count - 1) * shown.tile_seconds < found.duration
    assert 1 <= shown.columns <= 10
    assert 1 <= shown.rows <= 10
    sides = [shown.width, shown.preview_width, shown.tile_width]
    sides += [shown.height, shown.preview_height, shown.tile_height]
    assert all(side % 2 == 0 and side >= 2 for side in sides)
    assert max(shown.tile_width, shown.tile_height) <= 360
    assert max(shown.preview_width, shown.preview_height) <= 720


def test_all_codecs_are_grouped_by_codec_with_the_low_renditions_of_h264_first() -> None:
    found = planned(media_info(width=1920, height=1080), ALL)

    assert [group.name for group in found.groups] == ["h264-first", "h264", "hevc", "av1"]
    assert found.groups[0].renditions == ("h264-540p", "h264-432p", "h264-360p", "h264-234p")
    assert found.groups[1].renditions == ("h264-1080p", "h264-720p")
    assert found.first == ("h264-first",)


def test_a_short_video_is_published_at_once() -> None:
    found = planned(media_info(seconds=59), ALL)

    assert [group.name for group in found.groups] == ["h264", "hevc", "av1"]
    assert found.first == ()


def test_nothing_is_published_first_where_nothing_is_left_for_later() -> None:
    small = media_info(width=640, height=360)

    assert planned(small).first == ()
    assert planned(small, ALL).first == ("h264",)
    assert [group.name for group in planned(small, ALL).groups] == ["h264", "hevc", "av1"]


def test_publishing_first_may_be_switched_off() -> None:
    settings = PlanSettings(first_seconds=None)

    assert [group.name for group in planned(media_info(), settings).groups] == ["h264"]


@pytest.mark.parametrize(("transfer", "found"), [(16, VideoRange.PQ), (18, VideoRange.HLG)])
def test_hdr_is_kept_in_newer_codecs_beside_h264_in_sdr(transfer: int, found: VideoRange) -> None:
    light = ContentLight(1000, 400)
    media = media_info(width=1920, height=1080, transfer=transfer, light=light)

    made = planned(media, ALL)

    assert made.source.video_range is found
    assert made.source.content_light == light
    ranges = {(one.codec, one.video_range, one.name.endswith("-hdr")) for one in made.video}
    assert ranges == {
        (VideoCodec.H264, VideoRange.SDR, False),
        (VideoCodec.HEVC, found, True),
        (VideoCodec.AV1, found, True),
    }


def test_hdr_becomes_sdr_alone_where_there_is_only_h264() -> None:
    made = planned(media_info(transfer=16))

    assert made.source.video_range is VideoRange.PQ
    assert {one.video_range for one in made.video} == {VideoRange.SDR}


def test_silent_films_get_no_audio() -> None:
    assert planned(media_info(audio_start=None)).audio == ()


def test_audio_is_as_long_as_the_picture_but_for_a_frame() -> None:
    (track,) = planned(media_info()).audio

    assert track.sample_count == 60 * 48_000 - 1024
    assert (track.index, track.loudness, track.default) == (1, -23.0, True)
    assert [(one.name, one.bitrate, one.channels) for one in track.renditions] == [
        ("aac-128k", 128_000, 2),
        ("aac-64k", 64_000, 2),
    ]


def test_opus_comes_after_aac_at_lower_rates() -> None:
    (track,) = planned(media_info(), ALL).audio

    assert [one.name for one in track.renditions] == ["aac-128k", "aac-64k", "opus-96k", "opus-48k"]
    assert track.renditions[2].codec is AudioCodec.OPUS


def test_every_sound_of_the_source_is_a_track() -> None:
    tracks = planned(
        media_info(tracks=[("ger", None, False), ("eng", None, True), ("eng", "Talk", True)])
    ).audio

    assert [(track.language, track.label, track.default) for track in tracks] == [
        (None, "Audio 1", False),
        ("de", "German", False),
        ("en", "English", True),
        ("en", "Talk", False),
    ]
    assert [track.renditions[0].name for track in tracks] == [
        "aac-128k",
        "aac-128k-2",
        "aac-128k-3",
        "aac-128k-4",
    ]


def test_labels_are_told_apart() -> None:
    tracks = planned(
        media_info(tracks=[("eng", 'The "cut"', False), ("eng", "The 'cut'", False)])
    ).audio

    assert [track.label for track in tracks[1:]] == ["The 'cut'", "The 'cut' 2"]


def test_subtitles_are_named_after_their_language() -> None:
    def stream(index: int, language: str | None, title: str | None = None) -> SubtitleStream:
        return SubtitleStream(index, "subrip", language, title, default=index == 4)

    media = media_info(
        subtitles=[stream(2, "fre"), stream(3, None), stream(4, "fra", "Signs"), stream(5, "pt-br")]
    )

    found = planned(media)

    assert [(one.name, one.language, one.label, one.default) for one in found.subtitles] == [
        ("subtitles-fr", "fr", "French", False),
        ("subtitles-und", "und", "Subtitles 2", False),
        ("subtitles-fr-2", "fr", "Signs", True),
        ("subtitles-pt-BR", "pt-BR", "Portuguese (BR)", False),
    ]


def test_the_picture_s_start_becomes_zero() -> None:
    assert planned(media_info(start=1.4, audio_start=1.35)).source.origin == 1.4


def test_sound_that_leads_is_kept_and_frames_stay_on_the_grid() -> None:
    found = planned(media_info(start=1.51, audio_start=0.0, seconds=10))

    frames_before = (1.51 - found.source.origin) * 30
    assert frames_before == pytest.approx(45)
    assert found.frame_count == 345


def test_rotation_turns_the_ladder_and_the_pictures() -> None:
    found = planned(media_info(rotation=90))

    assert (found.video[0].width, found.video[0].height) == (720, 1280)
    assert (found.pictures.width, found.pictures.height) == (720, 1280)
    assert (found.pictures.tile_width, found.pictures.tile_height) == (90, 160)


def test_the_segment_s_length_is_a_setting() -> None:
    found = planned(media_info(), PlanSettings(segment_seconds=2.5, chunk_seconds=10))

    assert found.segment_frames == 60
    assert [chunk.segment_count for chunk in found.chunks] == [5] * 6


def test_shorts_have_short_segments() -> None:
    assert plan(media_info(seconds=9), SETTINGS, short=True).segment_frames == 60
    assert plan(media_info(seconds=9), SETTINGS, short=False).segment_frames == 180


def test_what_settings_do_by_themselves_can_be_switched_off() -> None:
    settings = check({"first_seconds": math.inf, "loudness": 0}, PlanSettings, source="settings")

    found = planned(media_info(width=1920, height=1080), settings)

    assert found.first == ()
    assert {track.loudness for track in found.audio} == {None}


def test_settings_explain_themselves() -> None:
    assert "# segment_seconds = 6.0" in example(PlanSettings, heading="Plan")


def test_the_poster_is_taken_where_a_frame_is_sure_to_start() -> None:
    steady = planned(media_info(seconds=1.5))
    paused = planned(media_info(seconds=1.05, constant=False))

    assert steady.pictures.poster_time == pytest.approx(0.15)
    assert paused.pictures.poster_time == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize(
    ("seconds", "step", "count"),
    [(0.04, 1, 1), (60, 1, 60), (200, 1, 200), (300, 2, 150), (600, 5, 120), (7200, 60, 120)],
)
def test_a_storyboard_has_a_bounded_count_of_tiles(seconds: float, step: int, count: int) -> None:
    shown = planned(media_info(seconds=seconds, rate=Rational(25))).pictures

    assert (shown.tile_seconds, shown.tile_count) == (step, count)
    assert (shown.tile_width, shown.tile_height) == (160, 90)


def test_an_encode_may_use_the_decoders_that_were_inspected_and_no_others() -> None:
    source = planned(media_info(width=1920, height=1080)).source

    assert source.decoders == ("h264", "aac")
    assert source.most_pixels == 8 * 1920 * 1080
    assert planned(media_info(audio_start=None)).source.decoders == ("h264",)


def test_a_rendition_at_half_the_rate_has_its_key_frames_with_the_others() -> None:
    found = planned(media_info(rate=Rational(60_000, 1001)))
    low = next(one for one in found.video if one.frame_step == 2)

    assert found.keyframe_interval == 120
    assert found.rate_of(low) == Fraction(30_000, 1001)
    assert isinstance(low, VideoRendition)
    assert found.frames_of(low, found.chunks[0]) == found.chunks[0].frame_count // 2


def test_encodes_begin_with_the_first_group_and_in_it_with_the_longest_chunks() -> None:
    made = plan(media_info(seconds=60.0), SETTINGS, short=False)

    begun = [(group.name, chunk.segment_count) for group, chunk in made.encodes]

    assert begun == [
        *(("h264-first", count) for count in (3, 3, 2, 2)),
        *(("h264", count) for count in (3, 3, 2, 2)),
    ]
    assert {chunk.index for _, chunk in made.encodes} == {0, 1, 2, 3}

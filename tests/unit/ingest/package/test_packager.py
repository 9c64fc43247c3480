"""From measured parts to playlists, and the refusal of parts that are not as planned."""

from collections.abc import Callable

import m3u8
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.inspect import Rational
from ingest.package import PackageInvalid, Part, PartFacts, package
from ingest.plan import EncodingPlan, PlanSettings, plan
from tests.unit.ingest.media import media_info
from tests.unit.ingest.package.parts import all_parts, with_init, with_segment

PLAN = plan(media_info(seconds=62.0), PlanSettings())
SILENT = plan(media_info(seconds=62.0, audio_start=None), PlanSettings())
PARTS = all_parts(PLAN)
BEST = "h264-720p"


def texts(planned: EncodingPlan) -> dict[str, str]:
    packaged = package(planned, all_parts(planned))
    return {playlist.key: playlist.text for playlist in packaged.playlists}


def test_every_rendition_has_its_playlist_and_the_multivariant_comes_last() -> None:
    assert list(texts(PLAN)) == [
        *(f"{rendition.name}/playlist.m3u8" for rendition in PLAN.video),
        "aac-128k/playlist.m3u8",
        "main.m3u8",
    ]


def test_a_media_playlist_joins_the_parts_under_one_init_segment() -> None:
    read = m3u8.loads(texts(PLAN)[f"{BEST}/playlist.m3u8"])

    assert [segment.uri for segment in read.segments] == [
        *(f"c0000a1/{number:05d}.m4s" for number in range(5)),
        *(f"c0001a1/{number:05d}.m4s" for number in range(5, 11)),
    ]
    assert {segment.init_section.uri for segment in read.segments} == {"c0000a1/init.mp4"}
    assert sum(segment.duration for segment in read.segments) == pytest.approx(62.0)
    assert read.target_duration == 6
    assert not any(segment.discontinuity for segment in read.segments)


def test_the_multivariant_playlist_tells_what_was_measured() -> None:
    read = m3u8.loads(texts(PLAN)["main.m3u8"])

    assert read.is_independent_segments
    best = next(one for one in read.playlists if one.uri == f"{BEST}/playlist.m3u8").stream_info
    assert best.resolution == (1280, 720)
    assert best.codecs == "avc1.64001f,mp4a.40.2"
    assert best.frame_rate == 30
    assert best.video_range == "SDR"
    assert best.audio == "aac"
    # 720,000 bytes a segment of picture, 96,000 of sound; a last segment of two seconds joins
    # the one before in the peak.
    assert best.bandwidth == pytest.approx((2 * 720_000 + 2 * 96_000) * 8 / 8, rel=0.01)
    assert best.average_bandwidth == pytest.approx(11 * (720_000 + 96_000) * 8 / 62, rel=0.01)
    [sound] = read.media
    assert (sound.uri, sound.channels, sound.default) == ("aac-128k/playlist.m3u8", "2", "YES")


def test_players_start_near_two_megabits() -> None:
    read = m3u8.loads(texts(PLAN)["main.m3u8"])

    first, *others = [one.stream_info.average_bandwidth for one in read.playlists]
    assert all(abs(first - 2_000_000) <= abs(other - 2_000_000) for other in others)
    assert others == sorted(others, reverse=True)


def test_silent_films_have_no_audio_group() -> None:
    read = m3u8.loads(texts(SILENT)["main.m3u8"])

    assert read.media == []
    assert {one.stream_info.codecs for one in read.playlists} == {"avc1.64001f"}
    assert {one.stream_info.audio for one in read.playlists} == {None}


def test_all_uris_are_relative_and_name_listed_objects() -> None:
    packaged = package(PLAN, PARTS)
    listed = {item.key for item in packaged.objects}
    named = set()
    for playlist in packaged.playlists[:-1]:
        folder = playlist.key.rpartition("/")[0]
        for segment in m3u8.loads(playlist.text).segments:
            named |= {f"{folder}/{segment.uri}", f"{folder}/{segment.init_section.uri}"}

    assert named == listed
    assert not any(key.startswith("/") or "://" in key for key in listed)
    assert {item.content_type for item in packaged.objects} == {"video/mp4"}


def test_renditions_are_named_best_first() -> None:
    assert package(PLAN, PARTS).renditions == (
        *("h264-720p", "h264-540p", "h264-432p", "h264-360p", "h264-234p"),
        "aac-128k",
    )


def test_facts_travel_as_json() -> None:
    facts = PARTS[BEST][0].facts

    assert msgspec.json.decode(msgspec.json.encode(facts), type=PartFacts) == facts


def test_parts_of_later_attempts_are_listed_under_their_names() -> None:
    parts = dict(PARTS)
    second = msgspec.structs.replace(parts[BEST][1], name="c0001a7")
    parts[BEST] = (parts[BEST][0], second)

    text = next(one.text for one in package(PLAN, parts).playlists if one.key.startswith(BEST))

    assert "c0001a7/00005.m4s" in text
    assert "c0001a1" not in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda parts: (), "none of it was encoded"),
        (lambda parts: parts[:1], "parts: 1, planned 2"),
        (lambda parts: parts[::-1], "segments in c0001a1: 6, planned 5"),
        (lambda parts: with_init(parts, 1, sha256="0" * 64), "different init segments"),
        (lambda parts: with_segment(parts, 0, 2, sample_count=179), "frames in 00002.m4s: 179"),
        (lambda parts: with_segment(parts, 1, 0, decode_time=0), "decode time of 00005.m4s: 0"),
        (lambda parts: with_segment(parts, 0, 0, duration=1), "duration of 00000.m4s: 1"),
        (lambda parts: with_segment(parts, 0, 0, name="00009.m4s"), "name: 00009.m4s"),
        (lambda parts: with_segment(parts, 0, 0, starts_with_sync=False), "with a key frame"),
    ],
)
def test_video_that_is_not_as_planned_is_refused(
    change: Callable[[tuple[Part, ...]], tuple[Part, ...]], reason: str
) -> None:
    with pytest.raises(PackageInvalid, match=reason) as refused:
        package(PLAN, PARTS | {BEST: change(PARTS[BEST])})

    assert str(refused.value).startswith("The rendition h264-720p cannot be packaged: ")


@pytest.mark.parametrize("changes", [{"timescale": 1000}, {"width": 640}, {"height": 722}], ids=str)
def test_another_picture_or_clock_is_refused(changes: dict[str, int]) -> None:
    parts = tuple(PARTS[BEST])
    for number in range(len(parts)):
        parts = tuple(with_init(parts, number, **changes))

    with pytest.raises(PackageInvalid):
        package(PLAN, PARTS | {BEST: parts})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda parts: (), "none of it was encoded"),
        (lambda parts: parts * 2, "parts: 2, planned 1"),
        (lambda parts: with_segment(parts, 0, 1, decode_time=7), "decode time of 00001.m4s"),
        (lambda parts: with_segment(parts, 0, 0, duration=400_000), "00000.m4s is too long"),
        (lambda parts: with_segment(parts, 0, 10, duration=1024), "samples, not"),
        (lambda parts: with_init(parts, 0, channels=1), "channels: 1, planned 2"),
    ],
)
def test_audio_that_is_not_as_planned_is_refused(
    change: Callable[[tuple[Part, ...]], tuple[Part, ...]], reason: str
) -> None:
    with pytest.raises(PackageInvalid, match=reason):
        package(PLAN, PARTS | {"aac-128k": change(PARTS["aac-128k"])})


@given(
    seconds=st.floats(min_value=0.05, max_value=400),
    rate=st.sampled_from([Rational(24_000, 1001), Rational(25), Rational(60), Rational(100, 7)]),
    sound=st.booleans(),
)
def test_any_faultless_encode_is_packaged(seconds: float, rate: Rational, sound: bool) -> None:
    media = media_info(seconds=seconds, rate=rate, audio_start=0.0 if sound else None)
    planned = plan(media, PlanSettings(chunk_seconds=12))

    for key, text in texts(planned).items():
        read = m3u8.loads(text)
        assert read.is_variant == (key == "main.m3u8")
        assert read.is_variant or all(
            round(segment.duration) <= read.target_duration for segment in read.segments
        )

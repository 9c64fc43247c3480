"""What each profile offers, and in which order."""

from itertools import pairwise

import m3u8
import msgspec
import pytest

from ingest.package import package
from ingest.plan.model import EncodingPlan, VideoCodec
from tests.unit.ingest.package.packaged import PLAN, RICH, RICH_PARTS, SILENT, read, texts, uris
from tests.unit.ingest.package.parts import all_parts
from tests.unit.ingest.package.plans import a_plan, ladder


@pytest.mark.parametrize("plan", [PLAN, RICH], ids=["plain", "rich"])
def test_players_start_near_two_megabits_with_what_all_of_them_play(plan: EncodingPlan) -> None:
    first, *others = read(package(plan, all_parts(plan))).playlists

    assert first.stream_info.codecs == "avc1.64001f,mp4a.40.2"
    rates = [
        one.stream_info.average_bandwidth for one in others if "avc1" in one.stream_info.codecs
    ]
    start = abs(first.stream_info.average_bandwidth - 2_000_000)
    assert all(start <= abs(rate - 2_000_000) for rate in rates)


def test_variants_rank_by_picture_then_range_then_codec_then_sound() -> None:
    text = texts(package(RICH, RICH_PARTS))["main.m3u8"]
    scores = {}
    lines = text.splitlines()
    for tag, uri in pairwise(lines):
        if tag.startswith("#EXT-X-STREAM-INF:"):
            score = float(tag.partition("SCORE=")[2].partition(",")[0])
            codec = "opus" if "opus" in tag else "aac"
            scores[uri.partition("/")[0], codec] = score

    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    assert len(set(scores.values())) == len(scores) == 30
    assert ranked[:6] == [
        ("hevc-1080p-hdr", "opus"),
        ("hevc-1080p-hdr", "aac"),
        ("av1-1080p", "opus"),
        ("av1-1080p", "aac"),
        ("h264-1080p", "opus"),
        ("h264-1080p", "aac"),
    ]
    assert ranked[-1] == ("h264-234p", "aac")


def test_of_one_size_the_better_codec_ranks_higher_and_then_the_higher_rate() -> None:
    hevc, h264 = ladder(VideoCodec.HEVC)[2], ladder()[2]
    low = msgspec.structs.replace(hevc, name="hevc-540p-2", max_bitrate=600_000)
    plan = a_plan(video=(h264, low, hevc))

    # What all players have comes first, whatever its rank; the others follow in their order.
    assert uris(package(plan, all_parts(plan))) == ["h264-540p", "hevc-540p", "hevc-540p-2"]


def test_silent_films_have_no_audio_group_and_no_profile_of_sound_alone() -> None:
    packaged = package(SILENT, all_parts(SILENT))
    found = read(packaged)

    assert found.media == []
    assert {one.stream_info.codecs for one in found.playlists} == {"avc1.64001f"}
    assert {one.stream_info.audio for one in found.playlists} == {None}
    assert packaged.profiles == ("data-saver", "up-to-720p", "no-hevc-av1", "main")


def test_profiles_offer_what_they_are_for() -> None:
    packaged = package(RICH, RICH_PARTS)

    assert packaged.profiles == (
        "audio-only",
        "ts",
        "data-saver",
        "up-to-720p",
        "no-hevc-av1",
        "main",
    )
    assert set(uris(packaged)) == {one.name for one in RICH.video}
    assert set(uris(packaged, "no-hevc-av1.m3u8")) == {one.name for one in ladder()}
    small = {one.name for one in RICH.video if one.height <= 720}
    assert set(uris(packaged, "up-to-720p.m3u8")) == small
    saving = read(packaged, "data-saver.m3u8")
    assert {one.stream_info.resolution[1] for one in saving.playlists} == {360, 234}
    assert {one.stream_info.audio for one in saving.playlists} == {"aac-64k", "opus-96k"}
    assert {one.group_id for one in saving.media} == {"aac-64k", "opus-96k", "subtitles"}


def test_upright_video_is_measured_by_its_short_side() -> None:
    upright = tuple(
        msgspec.structs.replace(one, width=one.height, height=one.width) for one in ladder()
    )
    plan = a_plan(video=upright)

    assert "h264-720p" in uris(package(plan, all_parts(plan)), "up-to-720p.m3u8")


def test_where_nothing_is_small_enough_the_smallest_is_offered() -> None:
    plan = a_plan(video=ladder()[:2])
    packaged = package(plan, all_parts(plan))

    assert uris(packaged, "data-saver.m3u8") == ["h264-720p"]


def test_sound_alone_is_offered_at_every_rate_and_in_every_language() -> None:
    text = texts(package(RICH, RICH_PARTS))["audio-only.m3u8"]
    found = m3u8.loads(text)

    assert [(one.uri, one.stream_info.codecs) for one in found.playlists] == [
        ("aac-128k/playlist.m3u8", "mp4a.40.2"),
        ("opus-96k/playlist.m3u8", "opus"),
        ("aac-64k/playlist.m3u8", "mp4a.40.2"),
    ]
    assert {one.stream_info.resolution for one in found.playlists} == {None}
    assert len(found.media) == 9
    assert found.iframe_playlists == []
    assert "VIDEO-RANGE" not in text
    assert "FRAME-RATE" not in text
    assert found.playlists[0].stream_info.bandwidth == pytest.approx(128_000, rel=0.01)


def test_transport_streams_are_twins_of_plain_renditions() -> None:
    packaged = package(RICH, RICH_PARTS)
    found = read(packaged, "ts.m3u8")

    assert set(uris(packaged, "ts.m3u8")) == {f"ts-{one.name}" for one in ladder()}
    assert {one.stream_info.codecs for one in found.playlists} == {"avc1.64001f,mp4a.40.2"}
    assert {one.uri for one in found.media if one.type == "AUDIO"} == {
        f"ts-aac-{rate}k{tail}/playlist.m3u8" for rate in (128, 64) for tail in ("", "-2", "-3")
    }
    assert {one.uri for one in found.iframe_playlists} == {
        f"ts-{one.name}/iframes.m3u8" for one in ladder()
    }
    media = read(packaged, "ts-h264-720p/playlist.m3u8")
    assert media.segment_map == []
    assert media.version == 3
    assert [one.uri for one in media.segments][:2] == ["c0000a1/00000.ts", "c0000a1/00001.ts"]
    assert [one.duration for one in media.segments] == [
        one.duration for one in read(packaged, "h264-720p/playlist.m3u8").segments
    ]
    frames = read(packaged, "ts-h264-720p/iframes.m3u8")
    assert (frames.version, frames.segment_map) == (4, [])
    assert not any("ts-" in name for name in packaged.renditions)


def test_subtitles_go_with_transport_streams_where_they_are_timed_by_their_clock() -> None:
    packaged = package(RICH, RICH_PARTS)
    names = ("subtitles-en", "subtitles-en-2", "subtitles-de")
    for key, prefix in (("ts.m3u8", "ts-"), ("main.m3u8", "")):
        texts = [one.uri for one in read(packaged, key).media if one.type == "SUBTITLES"]
        assert texts == [f"{prefix}{name}/playlist.m3u8" for name in names]

    untimed = {
        name: found for name, found in RICH_PARTS.items() if not name.startswith("ts-subtitles")
    }
    found = read(package(RICH, untimed), "ts.m3u8")
    assert {one.type for one in found.media} == {"AUDIO"}
    assert {one.stream_info.subtitles for one in found.playlists} == {None}

"""From parts to playlists and the objects that they name."""

from typing import Any

import m3u8
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.hls import PlaylistInvalid
from ingest.inspect.media import Rational
from ingest.package import PackageInvalid, PartFacts, package
from ingest.plan.model import EncodingPlan, VideoCodec
from tests.unit.ingest.package.packaged import (
    BEST,
    PARTS,
    PLAN,
    RICH,
    RICH_PARTS,
    SILENT,
    read,
    texts,
    uris,
)
from tests.unit.ingest.package.parts import all_parts, with_segment
from tests.unit.ingest.package.plans import a_plan, ladder, subtitles, track


def test_every_rendition_has_its_playlists_and_the_main_one_comes_last() -> None:
    assert list(texts(package(PLAN, PARTS))) == [
        *(f"{rendition.name}/playlist.m3u8" for rendition in PLAN.video),
        "aac-128k/playlist.m3u8",
        "aac-64k/playlist.m3u8",
        *(f"{rendition.name}/iframes.m3u8" for rendition in PLAN.video),
        "audio-only.m3u8",
        "data-saver.m3u8",
        "up-to-720p.m3u8",
        "no-hevc-av1.m3u8",
        "main.m3u8",
    ]


def test_a_media_playlist_joins_the_parts_under_one_init_segment() -> None:
    found = read(package(PLAN, PARTS), f"{BEST}/playlist.m3u8")

    assert [segment.uri for segment in found.segments] == [
        *(f"c0000a1/{number:05d}.m4s" for number in range(5)),
        *(f"c0001a1/{number:05d}.m4s" for number in range(5, 11)),
    ]
    assert {segment.init_section.uri for segment in found.segments} == {"c0000a1/init.mp4"}
    assert sum(segment.duration for segment in found.segments) == pytest.approx(62.0)
    assert found.target_duration == 6
    assert not any(segment.discontinuity for segment in found.segments)


def test_a_playlist_of_key_frames_names_a_piece_of_a_segment_for_each() -> None:
    found = read(package(PLAN, PARTS), f"{BEST}/iframes.m3u8")

    assert found.is_i_frames_only
    assert found.target_duration == 2
    keys = [
        (f"{part.name}/{segment.name}", f"{key.size}@{key.offset}")
        for part in PARTS[BEST]
        for segment in part.facts.segments
        for key in segment.key_frames
    ]
    assert [(one.uri, one.byterange) for one in found.segments] == keys
    assert [one.duration for one in found.segments] == [2.0] * 31
    assert {one.init_section.uri for one in found.segments} == {"c0000a1/init.mp4"}


def test_the_main_playlist_tells_what_was_measured() -> None:
    found = read(package(PLAN, PARTS))

    assert found.is_independent_segments
    best = next(one for one in found.playlists if one.uri == f"{BEST}/playlist.m3u8").stream_info
    assert best.resolution == (1920, 1080)
    assert best.codecs == "avc1.64001f,mp4a.40.2"
    assert best.frame_rate == 30
    assert best.video_range == "SDR"
    assert best.audio == "aac-128k"
    assert best.closed_captions == "NONE"
    assert best.average_bandwidth == pytest.approx(7_800_000 * 0.7 + 128_000, rel=0.02)
    assert best.average_bandwidth <= best.bandwidth <= best.average_bandwidth * 1.05
    assert [(one.group_id, one.uri, one.channels, one.default) for one in found.media] == [
        ("aac-128k", "aac-128k/playlist.m3u8", "2", "YES"),
        ("aac-64k", "aac-64k/playlist.m3u8", "2", "YES"),
    ]
    assert {one.language for one in found.media} == {"en"}
    assert [one.uri for one in found.iframe_playlists] == [
        f"{one.name}/iframes.m3u8" for one in PLAN.video
    ]
    frames = found.iframe_playlists[0].iframe_stream_info
    assert (frames.codecs, frames.resolution) == ("avc1.64001f", (1920, 1080))
    assert frames.bandwidth == pytest.approx(3 * 7_800_000 * 0.07, rel=0.02)


def test_a_denser_segment_raises_the_peak_and_the_average() -> None:
    segment = PARTS[BEST][0].facts.segments[2]
    denser = with_segment(PARTS[BEST], 0, 2, size=2 * segment.size)
    info = read(package(PLAN, PARTS | {BEST: denser})).playlists[1].stream_info

    sound = 128_000
    assert info.bandwidth == pytest.approx(2 * 7_800_000 * 0.7 + sound, rel=0.02)
    assert info.average_bandwidth == pytest.approx(7_800_000 * 0.7 * 68 / 62 + sound, rel=0.02)


def test_high_renditions_go_with_the_high_rate_and_low_ones_with_a_low_one() -> None:
    chosen = {
        one.uri.partition("/")[0]: one.stream_info.audio
        for one in read(package(PLAN, PARTS)).playlists
    }

    assert chosen == {
        "h264-1080p": "aac-128k",
        "h264-720p": "aac-128k",
        "h264-540p": "aac-128k",
        "h264-360p": "aac-64k",
        "h264-234p": "aac-64k",
    }


def test_the_best_picture_has_the_best_sound_however_small_it_is() -> None:
    small = a_plan(video=ladder()[-1:])

    assert read(package(small, all_parts(small))).playlists[0].stream_info.audio == "aac-128k"


def test_a_halved_frame_rate_is_told() -> None:
    rates = {
        one.uri.partition("/")[0]: one.stream_info.frame_rate
        for one in read(package(RICH, RICH_PARTS)).playlists
    }

    assert rates["h264-540p"] == 30
    assert rates["h264-360p"] == 15


def test_the_range_of_a_picture_is_told() -> None:
    found = read(package(RICH, RICH_PARTS))

    ranges = {one.uri.partition("/")[0]: one.stream_info.video_range for one in found.playlists}
    assert ranges["hevc-720p-hdr"] == "PQ"
    assert ranges["h264-720p"] == "SDR"
    assert (
        'RESOLUTION=1280x720,VIDEO-RANGE=PQ,URI="hevc-720p-hdr/iframes.m3u8"'
        in texts(package(RICH, RICH_PARTS))["main.m3u8"]
    )


def test_every_group_of_sound_holds_every_track_in_one_codec() -> None:
    found = read(package(RICH, RICH_PARTS))

    groups: dict[str, list[tuple[Any, ...]]] = {}
    for one in found.media:
        if one.type == "AUDIO":
            groups.setdefault(one.group_id, []).append(
                (one.name, one.language, one.default, one.autoselect)
            )
    tracks = [
        ("English", "en", "YES", "YES"),
        ("Deutsch", "de", "NO", "YES"),
        ("'Audio' { $d}", "de", "NO", "NO"),
    ]
    assert groups == {"aac-128k": tracks, "aac-64k": tracks, "opus-96k": tracks}
    for one in found.playlists:
        codec = one.stream_info.codecs.partition(",")[2]
        assert codec == ("opus" if one.stream_info.audio == "opus-96k" else "mp4a.40.2")


def test_sound_in_no_known_language_says_so() -> None:
    plan = a_plan(audio=(track(language=None),))

    assert {one.language for one in read(package(plan, all_parts(plan))).media} == {"und"}


def test_subtitles_are_a_group_of_their_own() -> None:
    packaged = package(RICH, RICH_PARTS)
    found = read(packaged)

    texts = [one for one in found.media if one.type == "SUBTITLES"]
    assert {one.group_id for one in texts} == {"subtitles"}
    assert {one.stream_info.subtitles for one in found.playlists} == {"subtitles"}
    assert [(one.name, one.language, one.default, one.forced) for one in texts] == [
        ("English", "en", "YES", "NO"),
        ("English (SDH)", "en", "NO", "NO"),
        ("Deutsch", "de", "NO", "YES"),
    ]
    assert [bool(one.characteristics) for one in texts] == [False, True, False]
    media = read(packaged, "subtitles-en/playlist.m3u8")
    assert [one.uri for one in media.segments] == [f"c0000a1/{n:05d}.vtt" for n in range(11)]
    assert media.version == 3
    assert not media.segment_map


def test_sidecars_join_the_subtitles_under_names_of_their_own() -> None:
    sidecars = (
        subtitles("subtitles-side-1", label="Deutsch", language="de"),
        subtitles("subtitles-side-2", label="\n", language="fr"),
        subtitles("subtitles-side-3", label=" ", language="fr"),
    )
    packaged = package(RICH, all_parts(RICH, sidecars), sidecars=sidecars)

    names = {one.uri: one.name for one in read(packaged).media if one.type == "SUBTITLES"}
    assert names["subtitles-side-1/playlist.m3u8"] == "Deutsch (2)"
    assert names["subtitles-side-2/playlist.m3u8"] == "Unnamed"
    assert names["subtitles-side-3/playlist.m3u8"] == "Unnamed (2)"
    assert packaged.renditions[-1] == "subtitles-side-3"


def test_subtitles_of_the_source_that_could_not_be_read_are_left_out() -> None:
    parts = {name: found for name, found in RICH_PARTS.items() if name != "subtitles-de"}
    packaged = package(RICH, parts)

    assert [one.name for one in read(packaged).media if one.type == "SUBTITLES"] == [
        "English",
        "English (SDH)",
    ]
    with pytest.raises(PackageInvalid, match="subtitles-side cannot be packaged: none of it"):
        package(RICH, parts, sidecars=[subtitles("subtitles-side")])


@pytest.mark.parametrize("plan", [PLAN, SILENT, RICH], ids=["plain", "silent", "rich"])
def test_playlists_name_the_listed_objects_and_no_others(plan: EncodingPlan) -> None:
    packaged = package(plan, all_parts(plan))
    listed = {item.key: item for item in packaged.objects}
    named, playlists, led = set(), set(), set()
    for key, text in texts(packaged).items():
        found = m3u8.loads(text)
        if found.is_variant:
            led |= {one.uri for one in (*found.playlists, *found.media, *found.iframe_playlists)}
            continue
        playlists.add(key)
        folder = key.rpartition("/")[0]
        for segment in found.segments:
            named.add(f"{folder}/{segment.uri}")
            if segment.init_section:
                named.add(f"{folder}/{segment.init_section.uri}")

    assert named == set(listed)
    assert len(listed) == len(packaged.objects)
    assert led == playlists
    kinds = {"m4s": "video/mp4", "mp4": "video/mp4", "ts": "video/mp2t", "vtt": "text/vtt"}
    for key, item in listed.items():
        assert item.content_type == kinds[key.rpartition(".")[2]]


def test_a_first_version_offers_some_renditions_from_where_they_lie() -> None:
    names = {"h264-360p", "h264-234p", "aac-128k", "aac-64k"}
    whole = all_parts(PLAN)
    parts = {name: whole[name] for name in names}
    packaged = package(PLAN, parts, only=names, base="../V2/")

    assert set(uris(packaged)) == {"h264-360p", "h264-234p"}
    assert packaged.renditions == ("h264-360p", "h264-234p", "aac-128k", "aac-64k")
    media = texts(packaged)["h264-360p/playlist.m3u8"]
    assert '#EXT-X-MAP:URI="../../V2/h264-360p/c0000a1/init.mp4"' in media
    assert "\n../../V2/h264-360p/c0001a1/00005.m4s\n" in media
    assert "../../V2/h264-360p/c0000a1/00000.m4s" in texts(packaged)["h264-360p/iframes.m3u8"]
    assert "h264-360p/c0000a1/00000.m4s" in {item.key for item in packaged.objects}
    # The groups of sound stay as they will be, though no variant has the high rate yet.
    assert {one.stream_info.audio for one in read(packaged).playlists} == {"aac-64k"}
    assert {one.group_id for one in read(packaged).media} == {"aac-64k"}


def test_with_nothing_to_offer_there_is_no_package() -> None:
    with pytest.raises(PackageInvalid, match="none is to be offered"):
        package(PLAN, PARTS, only={"aac-128k"})


def test_where_h264_is_not_there_yet_its_profile_is_not() -> None:
    packaged = package(RICH, RICH_PARTS, only={"hevc-234p-hdr", "aac-128k"})

    assert packaged.profiles == ("audio-only", "data-saver", "up-to-720p", "main")


def test_the_title_is_told_to_players() -> None:
    for key, text in texts(package(PLAN, PARTS, title='A "film"\n#EXT-X-ENDLIST')).items():
        data = '#EXT-X-SESSION-DATA:DATA-ID="com.apple.hls.title",VALUE="A \'film\' #EXT-X-ENDLIST"'
        assert (data in text.splitlines()) == ("/" not in key)
    assert "SESSION-DATA" not in texts(package(PLAN, PARTS, title="\n"))["main.m3u8"]


def test_players_are_told_where_to_ask_for_their_pathway() -> None:
    packaged = package(PLAN, PARTS, steering="/v1/steering?asset=a")

    for key in packaged.profiles:
        found = read(packaged, f"{key}.m3u8")
        assert found.content_steering.uri == "/v1/steering?asset=a"
        assert found.content_steering.pathway_id == "here"
        assert {one.stream_info.pathway_id for one in found.playlists} == {"here"}
    assert "PATHWAY" not in texts(package(PLAN, PARTS))["main.m3u8"]
    with pytest.raises(PlaylistInvalid, match="no URI"):
        package(PLAN, PARTS, steering='"')


def test_facts_travel_as_json() -> None:
    for parts in RICH_PARTS.values():
        facts = parts[0].facts
        assert msgspec.json.decode(msgspec.json.encode(facts), type=PartFacts) == facts


def test_parts_of_later_attempts_are_listed_under_their_names() -> None:
    parts = dict(PARTS)
    second = msgspec.structs.replace(parts[BEST][1], name="c0001a7")
    parts[BEST] = (parts[BEST][0], second)

    text = texts(package(PLAN, parts))[f"{BEST}/playlist.m3u8"]

    assert "c0001a7/00005.m4s" in text
    assert "c0001a1" not in text


@settings(max_examples=60, deadline=None)
@given(
    seconds=st.floats(min_value=0.05, max_value=400),
    rate=st.sampled_from([Rational(24_000, 1001), Rational(25), Rational(60), Rational(100, 7)]),
    sound=st.booleans(),
    half=st.booleans(),
    title=st.text(max_size=30),
)
def test_any_faultless_encode_is_packaged(
    seconds: float, rate: Rational, sound: bool, half: bool, title: str
) -> None:
    plan = a_plan(
        seconds=seconds,
        rate=rate,
        video=ladder(half=half) + ladder(VideoCodec.AV1),
        audio=None if sound else (),
        texts=(subtitles(),),
        chunk_segments=2,
        transport_stream=True,
    )

    for key, text in texts(package(plan, all_parts(plan), title=title)).items():
        found = m3u8.loads(text)
        assert found.is_variant == ("/" not in key)
        assert found.is_variant or all(
            round(segment.duration) <= found.target_duration for segment in found.segments
        )

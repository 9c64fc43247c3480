"""Playlists: what is written is legal, and the m3u8 library reads back what was meant."""

import string
from fractions import Fraction
from typing import Any

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.hls import (
    AudioMedia,
    MediaPlaylist,
    MultivariantPlaylist,
    PlaylistInvalid,
    Resolution,
    Segment,
    Variant,
    VideoRange,
    target_duration,
)

URIS = st.text(string.ascii_letters + string.digits + "/._-~%?=&", min_size=1, max_size=40)
NAMES = st.text(
    st.characters(exclude_characters='"\u2028\u2029', exclude_categories=["Cc", "Cs"]),
    min_size=1,
    max_size=30,
)
DURATIONS = st.fractions(min_value=Fraction(1, 1000), max_value=60, max_denominator=100_000)
RATES = st.integers(min_value=1, max_value=10**9)


def variant(**changes: Any) -> Variant:
    facts: dict[str, Any] = {
        "uri": "video/playlist.m3u8",
        "bandwidth": 2_000_000,
        "average_bandwidth": 1_500_000,
        "codecs": ("avc1.64001f", "mp4a.40.2"),
        "resolution": Resolution(1280, 720),
        "frame_rate": Fraction(30_000, 1001),
    }
    return Variant(**(facts | changes))


def audio(**changes: Any) -> AudioMedia:
    facts: dict[str, Any] = {
        "group": "aac",
        "name": "Main",
        "uri": "audio/playlist.m3u8",
        "channels": 2,
        "default": True,
    }
    return AudioMedia(**(facts | changes))


def test_a_media_playlist() -> None:
    playlist = MediaPlaylist(
        target_duration=6,
        init_uri="c0000a1/init.mp4",
        segments=(
            Segment("c0000a1/00000.m4s", Fraction(6006, 1000)),
            Segment("c0001a2/00001.m4s", Fraction(1, 3)),
        ),
    )

    assert playlist.write() == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-TARGETDURATION:6\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MAP:URI="c0000a1/init.mp4"\n'
        "#EXTINF:6.006000,\n"
        "c0000a1/00000.m4s\n"
        "#EXTINF:0.333333,\n"
        "c0001a2/00001.m4s\n"
        "#EXT-X-ENDLIST\n"
    )


def test_a_multivariant_playlist() -> None:
    playlist = MultivariantPlaylist(variants=(variant(audio_group="aac"),), audio=(audio(),))

    assert playlist.write() == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Main",DEFAULT=YES,AUTOSELECT=YES,'
        'CHANNELS="2",URI="audio/playlist.m3u8"\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1500000,"
        'CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,VIDEO-RANGE=SDR,'
        'AUDIO="aac",CLOSED-CAPTIONS=NONE\n'
        "video/playlist.m3u8\n"
    )


@given(init=URIS, segments=st.lists(st.tuples(URIS, DURATIONS), max_size=20))
def test_media_playlists_are_read_back(init: str, segments: list[tuple[str, Fraction]]) -> None:
    target = max(1, target_duration(duration for _, duration in segments))
    written = MediaPlaylist(
        target_duration=target,
        init_uri=init,
        segments=tuple(Segment(uri, duration) for uri, duration in segments),
    ).write()

    read = m3u8.loads(written)

    assert read.target_duration == target
    assert read.version == 7
    assert read.is_endlist
    assert read.is_independent_segments
    assert read.playlist_type == "vod"
    assert [segment.uri for segment in read.segments] == [uri for uri, _ in segments]
    for segment, (_, duration) in zip(read.segments, segments, strict=True):
        assert segment.duration == pytest.approx(float(duration), abs=1e-6)
        assert segment.init_section.uri == init
        assert not segment.discontinuity


@given(
    names=st.lists(NAMES, min_size=1, max_size=4, unique=True),
    variants=st.lists(
        st.tuples(
            URIS,
            RATES,
            RATES,
            st.integers(2, 8192),
            st.integers(2, 8192),
            st.fractions(min_value=1, max_value=60, max_denominator=1001),
            st.sampled_from(VideoRange),
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_multivariant_playlists_are_read_back(names: list[str], variants: list[Any]) -> None:
    playlist = MultivariantPlaylist(
        variants=tuple(
            variant(
                uri=uri,
                bandwidth=max(first, second),
                average_bandwidth=min(first, second),
                resolution=Resolution(width, height),
                frame_rate=rate,
                video_range=video_range,
                audio_group="sound",
            )
            for uri, first, second, width, height, rate, video_range in variants
        ),
        audio=tuple(
            audio(group="sound", name=name, default=number == 0)
            for number, name in enumerate(names)
        ),
    )

    read = m3u8.loads(playlist.write())

    assert read.is_variant
    assert [media.name for media in read.media] == names
    assert [media.default for media in read.media] == ["YES"] + ["NO"] * (len(names) - 1)
    for written, found in zip(playlist.variants, read.playlists, strict=True):
        info = found.stream_info
        assert found.uri == written.uri
        assert info.bandwidth == written.bandwidth
        assert info.average_bandwidth == written.average_bandwidth
        assert info.codecs == "avc1.64001f,mp4a.40.2"
        assert info.resolution == (written.resolution.width, written.resolution.height)
        # Rounded to thousandths; a half of one is no exact number in binary.
        assert abs(Fraction(str(info.frame_rate)) - written.frame_rate) <= Fraction(1, 2000)
        assert info.video_range == written.video_range
        assert info.audio == "sound"


@pytest.mark.parametrize(
    "uri", ["", "#EXT-X-ENDLIST", "a\nb", "a b", 'a"b', "a\r", "ä", "a\\b", "<a>"]
)
def test_what_is_no_uri_is_not_written(uri: str) -> None:
    with pytest.raises(PlaylistInvalid, match="no URI"):
        MediaPlaylist(6, "init.mp4", (Segment(uri, Fraction(6)),)).write()
    with pytest.raises(PlaylistInvalid, match="no URI"):
        MediaPlaylist(6, uri, ()).write()
    with pytest.raises(PlaylistInvalid, match="no URI"):
        MultivariantPlaylist(variants=(variant(uri=uri),)).write()
    with pytest.raises(PlaylistInvalid, match="no URI"):
        MultivariantPlaylist(variants=(variant(),), audio=(audio(uri=uri),)).write()


@given(st.text(max_size=20), st.sampled_from('"\n\r\0\x1f\x85\u2028'), st.text(max_size=20))
def test_what_would_end_a_quoted_string_is_not_written(before: str, bad: str, after: str) -> None:
    with pytest.raises(PlaylistInvalid, match="cannot stand in quotes"):
        MultivariantPlaylist(
            variants=(variant(),), audio=(audio(name=before + bad + after),)
        ).write()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bandwidth": 0, "average_bandwidth": 0}, "peak of 0"),
        ({"bandwidth": 1, "average_bandwidth": 2}, "average of 2"),
        ({"bandwidth": 2**64}, "peak of"),
        ({"codecs": ()}, "names no codec"),
        ({"codecs": ('avc1",X="',)}, "is no codec"),
        ({"codecs": ("avc1.64001f,mp4a.40.2",)}, "is no codec"),
        ({"resolution": Resolution(0, 720)}, "no picture"),
        ({"frame_rate": Fraction(0)}, "no frame rate"),
        ({"audio_group": "other"}, "which has none"),
    ],
)
def test_illegal_variants_are_not_written(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(PlaylistInvalid, match=reason):
        MultivariantPlaylist(variants=(variant(**changes),), audio=(audio(),)).write()


@pytest.mark.parametrize(
    ("renditions", "reason"),
    [
        ((audio(), audio(default=False)), "share a name"),
        ((audio(), audio(name="Other")), "2 default renditions"),
        ((audio(channels=0),), "no channels"),
    ],
)
def test_illegal_audio_is_not_written(renditions: tuple[AudioMedia, ...], reason: str) -> None:
    with pytest.raises(PlaylistInvalid, match=reason):
        MultivariantPlaylist(variants=(variant(),), audio=renditions).write()


def test_a_playlist_without_variants_is_not_written() -> None:
    with pytest.raises(PlaylistInvalid, match="no variant"):
        MultivariantPlaylist(variants=()).write()


@pytest.mark.parametrize(
    ("duration", "reason"), [(Fraction(13, 2), "longer than the target 6"), (Fraction(0), "no dur")]
)
def test_segments_of_a_wrong_length_are_not_written(duration: Fraction, reason: str) -> None:
    with pytest.raises(PlaylistInvalid, match=reason):
        MediaPlaylist(6, "init.mp4", (Segment("0.m4s", duration),)).write()


@pytest.mark.parametrize(
    ("durations", "target"), [([], 0), ([6.0], 6), ([6.49], 6), ([6.5], 7), ([1.0, 9.9], 10)]
)
def test_the_target_duration_is_the_longest_rounded(durations: list[float], target: int) -> None:
    assert target_duration(map(Fraction, durations)) == target

"""Playlists: what is written is legal, and the m3u8 library reads back what was meant."""

import string
from fractions import Fraction
from typing import Any

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.hls import (
    TITLE,
    AudioMedia,
    ByteRange,
    ContentSteering,
    IFrameVariant,
    MediaPlaylist,
    MultivariantPlaylist,
    Picture,
    PlaylistInvalid,
    Resolution,
    Segment,
    SessionData,
    SubtitleMedia,
    Variant,
    VideoRange,
    quotable,
    target_duration,
)

URIS = st.text(string.ascii_letters + string.digits + "/._-~%?=&", min_size=1, max_size=40)
NAMES = st.text(
    st.characters(exclude_characters='"\u2028\u2029', exclude_categories=["Cc", "Cs"]),
    min_size=1,
    max_size=30,
).filter(lambda text: "{$" not in text)
LANGUAGES = st.sampled_from([None, "en", "pt-BR", "zh-Hant-TW", "und"])
HOSTILE = st.text(st.sampled_from('a{$x} "\n\r\0,=#\u2028\u0085\ud800é漢\u202e'), max_size=30)
DURATIONS = st.fractions(min_value=Fraction(1, 1000), max_value=60, max_denominator=100_000)
RATES = st.integers(min_value=1, max_value=10**9)


def variant(**changes: Any) -> Variant:
    facts: dict[str, Any] = {
        "uri": "video/playlist.m3u8",
        "bandwidth": 2_000_000,
        "average_bandwidth": 1_500_000,
        "codecs": ("avc1.64001f", "mp4a.40.2"),
        "picture": Picture(Resolution(1280, 720), Fraction(30_000, 1001)),
    }
    return Variant(**(facts | changes))


def subtitles(**changes: Any) -> SubtitleMedia:
    facts: dict[str, Any] = {
        "group": "subtitles",
        "name": "English",
        "uri": "subtitles-en/playlist.m3u8",
        "language": "en",
        "default": False,
    }
    return SubtitleMedia(**(facts | changes))


def i_frames(**changes: Any) -> IFrameVariant:
    facts: dict[str, Any] = {
        "uri": "video/iframes.m3u8",
        "bandwidth": 200_000,
        "average_bandwidth": 150_000,
        "codec": "avc1.64001f",
        "resolution": Resolution(1280, 720),
    }
    return IFrameVariant(**(facts | changes))


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


def test_a_playlist_of_key_frames() -> None:
    playlist = MediaPlaylist(
        target_duration=2,
        init_uri="c0000a1/init.mp4",
        segments=(
            Segment("c0000a1/00000.m4s", Fraction(2), ByteRange(4096, 24)),
            Segment("c0000a1/00000.m4s", Fraction(1), ByteRange(512, 90_000)),
        ),
        i_frames_only=True,
    )

    assert playlist.write() == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:7\n"
        "#EXT-X-TARGETDURATION:2\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-I-FRAMES-ONLY\n"
        '#EXT-X-MAP:URI="c0000a1/init.mp4"\n'
        "#EXTINF:2.000000,\n"
        "#EXT-X-BYTERANGE:4096@24\n"
        "c0000a1/00000.m4s\n"
        "#EXTINF:1.000000,\n"
        "#EXT-X-BYTERANGE:512@90000\n"
        "c0000a1/00000.m4s\n"
        "#EXT-X-ENDLIST\n"
    )


@pytest.mark.parametrize(
    ("init", "byte_range", "i_frames_only", "version"),
    [
        ("init.mp4", None, False, 7),
        ("init.mp4", ByteRange(1, 0), True, 7),
        (None, None, False, 3),
        (None, ByteRange(1, 0), False, 4),
        (None, None, True, 4),
    ],
)
def test_a_media_playlist_asks_for_the_version_that_it_needs(
    init: str | None, byte_range: ByteRange | None, i_frames_only: bool, version: int
) -> None:
    segment = Segment("0.ts", Fraction(1), byte_range)
    text = MediaPlaylist(1, init, (segment,), i_frames_only).write()

    assert m3u8.loads(text).version == version
    assert ("#EXT-X-MAP" in text) == (init is not None)


def test_a_multivariant_playlist() -> None:
    playlist = MultivariantPlaylist(
        variants=(
            variant(audio_group="aac", subtitle_group="subtitles", score=3, pathway="here"),
            variant(
                uri="audio/playlist.m3u8",
                codecs=("mp4a.40.2",),
                picture=None,
                audio_group="aac",
                score=1,
                pathway="here",
            ),
        ),
        audio=(audio(language="pt-BR"), audio(name="Kommentar", default=False, autoselect=False)),
        subtitles=(subtitles(hearing_impaired=True), subtitles(name="Forced", forced=True)),
        i_frames=(i_frames(video_range=VideoRange.PQ, pathway="here"),),
        session_data=(SessionData(TITLE, "A film", "en"),),
        steering=ContentSteering("/steer?a=1", "here"),
    )

    assert playlist.write() == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:4\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-CONTENT-STEERING:SERVER-URI="/steer?a=1",PATHWAY-ID="here"\n'
        '#EXT-X-SESSION-DATA:DATA-ID="com.apple.hls.title",VALUE="A film",LANGUAGE="en"\n'
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Main",LANGUAGE="pt-BR",DEFAULT=YES,'
        'AUTOSELECT=YES,CHANNELS="2",URI="audio/playlist.m3u8"\n'
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Kommentar",DEFAULT=NO,'
        'AUTOSELECT=NO,CHANNELS="2",URI="audio/playlist.m3u8"\n'
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subtitles",NAME="English",LANGUAGE="en",DEFAULT=NO,'
        'AUTOSELECT=YES,FORCED=NO,CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog,'
        'public.accessibility.describes-music-and-sound",URI="subtitles-en/playlist.m3u8"\n'
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subtitles",NAME="Forced",LANGUAGE="en",DEFAULT=NO,'
        'AUTOSELECT=YES,FORCED=YES,URI="subtitles-en/playlist.m3u8"\n'
        "#EXT-X-STREAM-INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1500000,SCORE=3.0,"
        'CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,VIDEO-RANGE=SDR,'
        'AUDIO="aac",SUBTITLES="subtitles",CLOSED-CAPTIONS=NONE,PATHWAY-ID="here"\n'
        "video/playlist.m3u8\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1500000,SCORE=1.0,"
        'CODECS="mp4a.40.2",AUDIO="aac",PATHWAY-ID="here"\n'
        "audio/playlist.m3u8\n"
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=200000,AVERAGE-BANDWIDTH=150000,"
        'CODECS="avc1.64001f",RESOLUTION=1280x720,VIDEO-RANGE=PQ,PATHWAY-ID="here",'
        'URI="video/iframes.m3u8"\n'
    )


RANGES = st.none() | st.builds(ByteRange, st.integers(1, 2**40), st.integers(0, 2**40))


@given(
    init=st.none() | URIS,
    segments=st.lists(st.builds(Segment, URIS, DURATIONS, RANGES), max_size=20),
    i_frames_only=st.booleans(),
)
def test_media_playlists_are_read_back(
    init: str | None, segments: list[Segment], i_frames_only: bool
) -> None:
    target = max(1, target_duration(one.duration for one in segments))
    read = m3u8.loads(MediaPlaylist(target, init, tuple(segments), i_frames_only).write())

    assert read.target_duration == target
    assert read.is_endlist
    assert read.is_independent_segments
    assert read.is_i_frames_only == i_frames_only
    assert read.playlist_type == "vod"
    for found, written in zip(read.segments, segments, strict=True):
        assert found.uri == written.uri
        assert found.duration == pytest.approx(float(written.duration), abs=1e-6)
        assert (found.init_section and found.init_section.uri) == init
        piece = written.byte_range
        assert found.byterange == (piece and f"{piece.size}@{piece.offset}")
        assert not found.discontinuity


@given(
    names=st.lists(NAMES, min_size=1, max_size=4, unique=True),
    language=LANGUAGES,
    title=NAMES,
    variants=st.lists(
        st.builds(
            lambda uri, rates, picture, score: variant(
                uri=uri,
                bandwidth=max(rates),
                average_bandwidth=min(rates),
                picture=picture,
                score=score,
                audio_group="sound",
                subtitle_group="text",
                pathway="here",
            ),
            URIS,
            st.tuples(RATES, RATES),
            st.builds(
                Picture,
                st.builds(Resolution, st.integers(2, 8192), st.integers(2, 8192)),
                st.fractions(min_value=1, max_value=60, max_denominator=1001),
                st.sampled_from(VideoRange),
            ),
            st.integers(1, 1000),
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_multivariant_playlists_are_read_back(
    names: list[str], language: str | None, title: str, variants: list[Variant]
) -> None:
    playlist = MultivariantPlaylist(
        variants=tuple(variants),
        audio=tuple(
            audio(group="sound", name=name, language=language, default=number == 0)
            for number, name in enumerate(names)
        ),
        subtitles=tuple(
            subtitles(group="text", name=name, language=language or "und", forced=number == 1)
            for number, name in enumerate(names)
        ),
        i_frames=tuple(
            i_frames(uri=one.uri, resolution=one.picture.resolution)
            for one in variants
            if one.picture
        ),
        session_data=(SessionData(TITLE, title),),
        steering=ContentSteering("/steer", "here"),
    )

    read = m3u8.loads(playlist.write())

    assert read.is_variant
    assert read.is_independent_segments
    sounds, texts = read.media[: len(names)], read.media[len(names) :]
    assert [media.name for media in sounds] == [media.name for media in texts] == names
    assert [media.default for media in sounds] == ["YES"] + ["NO"] * (len(names) - 1)
    assert {media.language for media in sounds} == {language}
    assert [media.forced for media in texts] == ["NO", "YES", "NO", "NO"][: len(names)]
    assert [(one.data_id, one.value) for one in read.session_data] == [(TITLE, title)]
    assert read.content_steering.uri == "/steer"
    assert read.content_steering.pathway_id == "here"
    assert len(read.iframe_playlists) == len(variants)
    for written, found in zip(playlist.variants, read.playlists, strict=True):
        info, picture = found.stream_info, written.picture
        assert picture is not None
        assert found.uri == written.uri
        assert info.bandwidth == written.bandwidth
        assert info.average_bandwidth == written.average_bandwidth
        assert info.codecs == "avc1.64001f,mp4a.40.2"
        assert info.resolution == (picture.resolution.width, picture.resolution.height)
        # Rounded to thousandths; a half of one is no exact number in binary.
        assert abs(Fraction(str(info.frame_rate)) - picture.frame_rate) <= Fraction(1, 2000)
        assert info.video_range == picture.video_range
        assert (info.audio, info.subtitles, info.pathway_id) == ("sound", "text", "here")


@given(HOSTILE | st.text(max_size=40))
def test_any_text_is_made_to_stand_in_quotes(text: str) -> None:
    safe = quotable(text)

    assert quotable(safe) == safe
    assert "{$" not in safe
    playlist = MultivariantPlaylist(
        variants=(variant(audio_group="aac"),),
        audio=(audio(name=safe or "-"),),
        session_data=(SessionData(TITLE, safe),),
    )
    read = m3u8.loads(playlist.write())
    assert [one.value for one in read.session_data] == [safe]
    assert [one.name for one in read.media] == [safe or "-"]
    assert len(read.playlists) == 1


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("A film", "A film"),
        ('The "best" of', "The 'best' of"),
        ("  two\r\n\tlines\0 ", "two lines"),
        ("{$secret}", "{ $secret}"),
        ("{{$a}", "{{ $a}"),
        ("\ud800\u2028", ""),
        ("é漢\u202e🎬", "é漢\u202e🎬"),
        ("ab " * 200, "ab " * 85 + "a"),
    ],
)
def test_text_is_changed_where_it_must_be_alone(text: str, safe: str) -> None:
    assert quotable(text) == safe


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
    with pytest.raises(PlaylistInvalid, match="no URI"):
        MultivariantPlaylist(variants=(variant(),), subtitles=(subtitles(uri=uri),)).write()
    with pytest.raises(PlaylistInvalid, match="no URI"):
        MultivariantPlaylist(variants=(variant(),), i_frames=(i_frames(uri=uri),)).write()
    with pytest.raises(PlaylistInvalid, match="no URI"):
        MultivariantPlaylist(
            variants=(variant(pathway="p"),), steering=ContentSteering(uri, "p")
        ).write()


@given(
    st.text(max_size=20),
    st.sampled_from(['"', *"\n\r\0\x1f\x85\u2028", "{$"]),
    st.text(max_size=20),
)
def test_what_would_end_a_quoted_string_is_not_written(before: str, bad: str, after: str) -> None:
    with pytest.raises(PlaylistInvalid, match="cannot stand in quotes"):
        MultivariantPlaylist(
            variants=(variant(),), audio=(audio(name=before + bad + after),)
        ).write()
    with pytest.raises(PlaylistInvalid, match="cannot stand in quotes"):
        SessionData(TITLE, before + bad + after).line()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bandwidth": 0, "average_bandwidth": 0}, "peak of 0"),
        ({"bandwidth": 1, "average_bandwidth": 2}, "average of 2"),
        ({"bandwidth": 2**64}, "peak of"),
        ({"codecs": ()}, "names no codec"),
        ({"codecs": ('avc1",X="',)}, "is no codec"),
        ({"codecs": ("avc1.64001f,mp4a.40.2",)}, "is no codec"),
        ({"picture": Picture(Resolution(0, 720), Fraction(30))}, "no picture"),
        ({"picture": Picture(Resolution(1280, 720), Fraction(0))}, "no frame rate"),
        ({"audio_group": "other"}, "the audio group 'other', which has none"),
        ({"subtitle_group": "aac"}, "the subtitle group 'aac', which has none"),
        ({"score": 0}, "a score of 0"),
        ({"pathway": "a b"}, "no pathway"),
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
        ((audio(name=""),), "has no name"),
        ((audio(autoselect=False),), "must not be chosen"),
        ((audio(language="en us"),), "no language"),
        ((audio(language='en",URI="x'),), "no language"),
    ],
)
def test_illegal_audio_is_not_written(renditions: tuple[AudioMedia, ...], reason: str) -> None:
    with pytest.raises(PlaylistInvalid, match=reason):
        MultivariantPlaylist(variants=(variant(),), audio=renditions).write()


@pytest.mark.parametrize(
    ("renditions", "reason"),
    [
        ((subtitles(), subtitles()), "share a name"),
        ((subtitles(default=True), subtitles(name="b", default=True)), "2 default renditions"),
        ((subtitles(default=True, autoselect=False),), "must not be chosen"),
        ((subtitles(language=""),), "no language"),
    ],
)
def test_illegal_subtitles_are_not_written(
    renditions: tuple[SubtitleMedia, ...], reason: str
) -> None:
    with pytest.raises(PlaylistInvalid, match=reason):
        MultivariantPlaylist(variants=(variant(),), subtitles=renditions).write()


@pytest.mark.parametrize(
    ("playlist", "reason"),
    [
        (MultivariantPlaylist((variant(score=1), variant())), "some have none"),
        (
            MultivariantPlaylist((variant(pathway="a"),), steering=ContentSteering("/s", "b")),
            "no variant is on",
        ),
        (
            MultivariantPlaylist((variant(pathway="a"),), steering=ContentSteering("/s", "ä")),
            "no variant is on",
        ),
        (
            MultivariantPlaylist((variant(),), session_data=(SessionData("a", "b"),) * 2),
            "tells 'a' twice",
        ),
        (MultivariantPlaylist((variant(),), session_data=(SessionData("a b", "c"),)), "no data"),
        (MultivariantPlaylist((variant(),), i_frames=(i_frames(bandwidth=1),)), "a peak of 1"),
        (MultivariantPlaylist((variant(),), i_frames=(i_frames(codec="a,b"),)), "no codec"),
    ],
)
def test_what_does_not_go_together_is_not_written(
    playlist: MultivariantPlaylist, reason: str
) -> None:
    with pytest.raises(PlaylistInvalid, match=reason):
        playlist.write()


def test_a_playlist_without_variants_is_not_written() -> None:
    with pytest.raises(PlaylistInvalid, match="no variant"):
        MultivariantPlaylist(variants=()).write()


@pytest.mark.parametrize(
    ("duration", "reason"), [(Fraction(13, 2), "longer than the target 6"), (Fraction(0), "no dur")]
)
def test_segments_of_a_wrong_length_are_not_written(duration: Fraction, reason: str) -> None:
    with pytest.raises(PlaylistInvalid, match=reason):
        MediaPlaylist(6, "init.mp4", (Segment("0.m4s", duration),)).write()


@pytest.mark.parametrize("byte_range", [ByteRange(0, 0), ByteRange(1, -1)])
def test_byte_ranges_that_cannot_be_are_not_written(byte_range: ByteRange) -> None:
    with pytest.raises(PlaylistInvalid, match="no such bytes"):
        MediaPlaylist(6, None, (Segment("0.ts", Fraction(6), byte_range),)).write()


@pytest.mark.parametrize(
    ("durations", "target"), [([], 0), ([6.0], 6), ([6.49], 6), ([6.5], 7), ([1.0, 9.9], 10)]
)
def test_the_target_duration_is_the_longest_rounded(durations: list[float], target: int) -> None:
    assert target_duration(map(Fraction, durations)) == target

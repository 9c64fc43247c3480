"""Playlists are read as they are written, faults included."""

from fractions import Fraction

import m3u8
import pytest

from ingest.check import listing as reading
from ingest.check.listed import ByteRange, MediaListing, MultivariantListing
from ingest.check.listing import read_playlist
from ingest.check.places import NOWHERE, resolved, same_origin, shown
from ingest.check.text import attributes_of
from tests.unit.ingest.check.examples import good

PLACE = "https://edge.example/v/a/1/h264/playlist.m3u8"


def media(*lines: str) -> MediaListing:
    found = read_playlist(PLACE, "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:6", *lines, ""]))
    assert isinstance(found, MediaListing)
    return found


def multivariant(*lines: str) -> MultivariantListing:
    found = read_playlist(PLACE, "\n".join(["#EXTM3U", *lines, ""]))
    assert isinstance(found, MultivariantListing)
    return found


def test_a_reader_for_players_reads_the_same() -> None:
    """Where a playlist is right, nothing is read otherwise than players do."""
    for key, text in good().texts.items():
        other, found = m3u8.loads(text), read_playlist(NOWHERE + key, text)
        if isinstance(found, MediaListing):
            assert [one.uri for one in other.segments] == [
                one.resource.uri for one in found.segments
            ]
            assert [one.duration for one in other.segments] == [
                pytest.approx(float(one.duration)) for one in found.segments
            ]
            ranges = [one.resource.part for one in found.segments]
            assert [one.byterange for one in other.segments] == [
                f"{one.length}@{one.offset}" if one else None for one in ranges
            ]
        else:
            assert isinstance(found, MultivariantListing)
            assert [one.uri for one in other.playlists] == [one.uri for one in found.variants]
            assert [one.uri for one in other.iframe_playlists] == [one.uri for one in found.iframes]
            assert [one.group_id for one in other.media] == [
                one.attributes.get("GROUP-ID") for one in found.media
            ]
            assert [one.stream_info.bandwidth for one in other.playlists] == [
                one.attributes.integer("BANDWIDTH") for one in found.variants
            ]


def test_lines_of_windows_and_blank_ones_are_no_fault() -> None:
    found = media("#EXTINF:6,\r", "", "a.ts\r", "# a word", "#EXT-X-ENDLIST\r")
    assert (found.faults, found.segments[0].resource.uri) == ((), "a.ts")


def test_a_byte_range_without_an_offset_follows_the_one_before() -> None:
    found = media(
        *("#EXTINF:6,", "#EXT-X-BYTERANGE:100@50", "a.mp4"),
        *("#EXTINF:6,", "#EXT-X-BYTERANGE:70", "a.mp4"),
    )
    assert [one.resource.part for one in found.segments] == [ByteRange(50, 100), ByteRange(150, 70)]


def test_variables_are_put_in() -> None:
    entry = multivariant(
        '#EXT-X-DEFINE:NAME="host",VALUE="cdn"',
        "#EXT-X-STREAM-INF:BANDWIDTH=1",
        "{$host}/{$unknown}/a.m3u8",
    )
    assert entry.variants[0].place == f"{PLACE.rpartition('/')[0]}/cdn/{{$unknown}}/a.m3u8"
    text = '#EXTM3U\n#EXT-X-DEFINE:IMPORT="host"\n#EXTINF:6,\n{$host}.ts\n'
    found = read_playlist(PLACE, text, entry.variables)
    assert isinstance(found, MediaListing)
    assert found.segments[0].resource.place == f"{PLACE.rpartition('/')[0]}/cdn.ts"


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (("#EXTINF:six,", "a.ts"), "line 3: EXTINF has no duration"),
        (("#EXTINF:-1,", "a.ts"), "line 3: EXTINF has no duration"),
        ((f"#EXTINF:{'9' * 400},", "a.ts"), "line 3: EXTINF has no duration"),
        (("a.ts",), "line 3: the URI has no EXTINF"),
        (("#EXT-X-MAP:X=1",), "line 3: EXT-X-MAP has no URI"),
        (("#EXT-X-MAP:URI=a.mp4",), "line 3: EXT-X-MAP has URI without quotes"),
        (("#EXT-X-VERSION:seven",), "line 3: EXT-X-VERSION has no number"),
        (("#EXT-X-PLAYLIST-TYPE:LIVE",), "line 3: EXT-X-PLAYLIST-TYPE is neither VOD nor EVENT"),
        (("#EXT-X-TARGETDURATION:6",), "has EXT-X-TARGETDURATION 2 times"),
        (("#EXT-X-DEFINE:X=1",), "line 3: EXT-X-DEFINE defines nothing"),
        (
            ("#EXTINF:6,", "#EXT-X-BYTERANGE:70", "a.mp4"),
            "line 5: the URI has the byte range '70', which is none",
        ),
        (
            ("#EXTINF:6,", "#EXT-X-BYTERANGE:0@0", "a.mp4"),
            "line 5: the URI has the byte range '0@0', which is none",
        ),
    ],
)
def test_a_fault_of_a_media_playlist_is_told(lines: tuple[str, ...], fault: str) -> None:
    assert fault in media(*lines).faults


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (("#EXT-X-STREAM-INF:BANDWIDTH=1",), "ends behind an EXT-X-STREAM-INF that has no URI"),
        (
            ("#EXT-X-STREAM-INF:BANDWIDTH=1", "#EXT-X-INDEPENDENT-SEGMENTS", "a.m3u8"),
            "line 3: EXT-X-INDEPENDENT-SEGMENTS stands between EXT-X-STREAM-INF and its URI",
        ),
        (
            ('#EXT-X-MEDIA:TYPE="AUDIO"', "a.m3u8"),
            "line 3: the URI stands behind no EXT-X-STREAM-INF",
        ),
        (('#EXT-X-MEDIA:TYPE="AUDIO"',), "line 2: EXT-X-MEDIA has TYPE in quotes"),
        (("#EXT-X-MEDIA:TYPE=AUDIO,TYPE=VIDEO",), "line 2: EXT-X-MEDIA has TYPE twice"),
        (("#EXT-X-MEDIA:TYPE=AUDIO, NAME=1",), "line 2: EXT-X-MEDIA has a blank after TYPE"),
        (
            ('#EXT-X-MEDIA:TYPE=AUDIO,NAME="a',),
            "line 2: EXT-X-MEDIA has no attribute list from 'NAME=\"a' on",
        ),
        (
            ("#EXT-X-MEDIA:TYPE=AUDIO", "#EXT-X-ENDLIST"),
            "has tags of media playlists beside those of multivariant ones",
        ),
    ],
)
def test_a_fault_of_a_multivariant_playlist_is_told(lines: tuple[str, ...], fault: str) -> None:
    assert fault in multivariant(*lines).faults


def test_an_attribute_list_keeps_commas_in_quotes() -> None:
    found = attributes_of('CODECS="avc1.640028,mp4a.40.2",RESOLUTION=1920x1080,SCORE=1.5')
    assert found.tokens("CODECS") == ("avc1.640028", "mp4a.40.2")
    assert found.resolution() == (1920, 1080)
    assert found.decimal("SCORE") == Fraction(3, 2)
    assert found.faults == ()


@pytest.mark.parametrize("text", ["", "<html>", "#EX", "\n" * 5000 + "#EXTM3U"])
def test_what_is_no_playlist_is_none(text: str) -> None:
    assert read_playlist(PLACE, text) is None


@pytest.mark.parametrize(
    ("limit", "line", "fault"),
    [
        ("MOST_LINES", "#EXT-X-A", "has more lines than the 5 that are read"),
        ("MOST_SEGMENTS", "a.ts", "has more segments than the 5 that are read"),
    ],
)
def test_an_endless_playlist_is_cut(
    monkeypatch: pytest.MonkeyPatch, limit: str, line: str, fault: str
) -> None:
    monkeypatch.setattr(reading, limit, 5)
    found = media(*[line] * 9)
    assert fault in found.faults
    assert len(found.segments) <= 5


def test_endless_variants_are_cut() -> None:
    found = multivariant(*["#EXT-X-MEDIA:TYPE=AUDIO"] * 1500)
    assert len(found.media) == 1000
    assert found.faults == ("has more variants or renditions than the 1000 that are read",)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("c0/00001.m4s", "https://edge.example/v/a/1/h264/c0/00001.m4s"),
        ("../../2/x.m4s", "https://edge.example/v/a/2/x.m4s"),
        ("/x.m4s?token=1#part", "https://edge.example/x.m4s?token=1"),
        ("//other.example/x.m4s", "https://other.example/x.m4s"),
        ("a b.m4s", None),
        ("file:///etc/passwd", None),
        ("data:,x", None),
        ("ftp://edge.example/x", None),
        ("http://[", None),
        ("x" * 9000, None),
    ],
)
def test_a_uri_leads_to_a_place_or_nowhere(uri: str, place: str | None) -> None:
    assert resolved(PLACE, uri) == place


def test_what_stands_in_a_query_is_no_folder() -> None:
    assert resolved(f"{PLACE}?next=/a/b", "c.m4s") == "https://edge.example/v/a/1/h264/c.m4s"


def test_no_number_of_dots_leads_back_into_a_folder() -> None:
    for count in range(40):
        place = resolved(f"{NOWHERE}main.m3u8", "../" * count + "x.m4s")
        assert place is not None
        assert place.startswith(NOWHERE) is (count == 0)


def test_one_server_is_told_from_another() -> None:
    assert same_origin(PLACE, "https://edge.example/other")
    assert not same_origin(PLACE, "https://edge.example:8443/v/a/1/h264/playlist.m3u8")
    assert not same_origin(PLACE, "http://edge.example/v/a/1/h264/playlist.m3u8")


def test_a_place_is_shown_short() -> None:
    assert shown("https://edge.example/v/a/1/", PLACE) == "h264/playlist.m3u8"
    assert len(shown("", "https://edge.example/" + "x" * 500)) <= 120

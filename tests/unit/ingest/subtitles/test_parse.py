"""SRT and WebVTT to cues: what is read, what is refused, and that anything else is one of both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.subtitles.cues import Cue, document, shifted
from ingest.subtitles.errors import (
    CueTooLong,
    SubtitlesCutShort,
    SubtitlesEncodingUnknown,
    SubtitlesInvalid,
    SubtitlesLineTooLong,
    SubtitlesTooDense,
    SubtitlesTooLarge,
    TimeSpanInvalid,
    TimeSpanMissing,
    TooManyCues,
)
from ingest.subtitles.parse import MOST_BYTES, MOST_CUES, parse_subtitles

SRT = "1\n00:00:01,000 --> 00:00:02,500\nOne\n\n2\n00:00:03,000 --> 00:00:04,000\nTwo\nlines\n"
CUES = (Cue(1000, 2500, "One"), Cue(3000, 4000, "Two\nlines"))
VTT = "WEBVTT\n\n" + SRT.replace(",", ".")


def srt(text: str, span: str = "00:00:01,000 --> 00:00:02,000") -> bytes:
    return f"1\n{span}\n{text}\n".encode()


def vtt(text: str, span: str = "00:01.000 --> 00:02.000") -> bytes:
    return f"WEBVTT\n\n{span}\n{text}\n".encode()


@pytest.mark.parametrize("text", [SRT, VTT])
@pytest.mark.parametrize("encode", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_encoding_and_line_end_is_read(text: str, encode: str, end: str) -> None:
    assert parse_subtitles(text.replace("\n", end).encode(encode)) == CUES


def test_utf_16_of_either_order_is_read() -> None:
    assert parse_subtitles(b"\xfe\xff" + SRT.encode("utf-16-be")) == CUES
    assert parse_subtitles(b"\xff\xfe" + SRT.encode("utf-16-le")) == CUES


@pytest.mark.parametrize(
    ("span", "start", "end"),
    [
        ("00:00:01,000 --> 00:00:02,000", 1000, 2000),
        ("00:01.5 --> 1:02,25", 1500, 62_250),
        ("0:0:1 --> 0:0:2", 1000, 2000),
        ("  00:00:01,000-->00:00:02,000  ", 1000, 2000),
        ("100:00:00,000 --> 100:00:01,000", 360_000_000, 360_001_000),
        ("-00:00:01,000 --> 00:00:02,000", 0, 2000),
        ("00:00:01,000 --> 00:00:02,000 X1:40 X2:600 Y1:20 Y2:50", 1000, 2000),
        ("90:00.000 --> 91:00.000", 5_400_000, 5_460_000),
    ],
)
def test_times_are_read_as_they_are_meant(span: str, start: int, end: int) -> None:
    assert parse_subtitles(srt("x", span)) == (Cue(start, end, "x"),)


@pytest.mark.parametrize(
    "span",
    [
        "00:00:02,000 --> 00:00:02,000",
        "00:00:03,000 --> 00:00:02,000",
        "-00:00:03,000 --> -00:00:02,000",
        "-00:00:03,000 --> 00:00:00,000",
    ],
)
def test_a_cue_that_is_never_shown_is_left_out(span: str) -> None:
    assert parse_subtitles(srt("x", span)) == ()


def test_cues_come_out_by_their_times_and_may_overlap() -> None:
    text = b"1\n00:05,0 --> 00:09,0\nlate\n\n2\n00:01,0 --> 00:07,0\nearly\n"
    assert [cue.text for cue in parse_subtitles(text)] == ["early", "late"]


@pytest.mark.parametrize(
    ("given_text", "wanted"),
    [
        ("<b>a</b> <i>b</i> <u>c</u>", "<b>a</b> <i>b</i> <u>c</u>"),
        ("<B>a</B>", "<b>a</b>"),
        ("<font color='red'>a</font>", "a"),
        ("<script>alert(1)</script>", "alert(1)"),
        ("<img src=x onerror=alert(1)>a", "a"),
        ("<!-- no -->a", "a"),
        ("<i>a", "<i>a</i>"),
        ("a</i>", "a"),
        ("<b><i>a</b></i>", "<b><i>a</i></b>"),
        ("1 < 2 & 3 > 2", "1 &lt; 2 &amp; 3 &gt; 2"),
        ("I <3 you", "I &lt;3 you"),
        ("Q&amp;A &lt;b&gt;", "Q&amp;A &lt;b&gt;"),
        ("a&#10;&#10;b --> c", "a  b --&gt; c"),
        ("a\x00\x1bb", "ab"),
        ("<b></b>", ""),
    ],
)
def test_only_tags_of_webvtt_are_kept(given_text: str, wanted: str) -> None:
    for data in (srt(given_text), vtt(given_text)):
        assert [cue.text for cue in parse_subtitles(data)] == [wanted][: len(wanted)]


@pytest.mark.parametrize(
    ("given_text", "wanted"),
    [
        ("<v Bob & Eve>a", "<v Bob &amp; Eve>a</v>"),
        ("<c.yellow.bg_blue>a</c>", "<c.yellow.bg_blue>a</c>"),
        ("<lang en-GB>a</lang>", "<lang en-GB>a</lang>"),
        ("<ruby>a<rt>b</ruby>c", "<ruby>a<rt>b</rt></ruby>c"),
        ("<rt>a</rt>", "a"),
        ("<v Bob -->a</v>", "<v Bob>a</v>"),
        ("<c.x-->a</c>", "<c.x>a</c>"),
        ("<b-->a</b>", "<b>a</b>"),
        ("a <00:00:01.500>b", "a b"),
        ('<c."onclick=x>a</c>', "<c>a</c>"),
        ("<b onclick=x>a</b>", "<b>a</b>"),
        ("{\\an8}a", "{\\an8}a"),
    ],
)
def test_tags_of_webvtt_keep_what_belongs_to_them(given_text: str, wanted: str) -> None:
    assert parse_subtitles(vtt(given_text)) == (Cue(1000, 2000, wanted),)


def test_commands_in_braces_are_dropped_from_srt() -> None:
    assert parse_subtitles(srt("{\\an8}{\\i1}a{b}")) == (Cue(1000, 2000, "a{b}"),)


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ("line:0 align:start", "line:0 align:start"),
        (
            "line:84.5%,end position:50%,center size:35%",
            "line:84.5%,end position:50%,center size:35%",
        ),
        ("vertical:rl", "vertical:rl"),
        ("line:-1 line:5", "line:-1"),
        ("region:fred size:101% align:x color:red position:", ""),
    ],
)
def test_settings_are_kept_where_they_are_valid(settings: str, kept: str) -> None:
    [cue] = parse_subtitles(vtt("x", f"00:01.000 --> 00:02.000 {settings}"))
    assert cue.settings == kept


def test_notes_styles_regions_and_names_are_dropped() -> None:
    text = (
        b"WEBVTT - a title\nKind: captions\n\nNOTE\na --- b\n\nSTYLE\n::cue{}\n\nREGION\nid:x\n\n"
        b"name\n00:01.000 --> 00:02.000\nx\n\nNOTE the end\n"
    )
    assert parse_subtitles(text) == (Cue(1000, 2000, "x"),)


def test_a_cue_right_below_the_head_of_webvtt_is_read() -> None:
    assert parse_subtitles(b"WEBVTT\n00:01.000 --> 00:02.000\nx") == (Cue(1000, 2000, "x"),)


def test_a_text_goes_on_below_an_empty_line() -> None:
    assert parse_subtitles(srt("a\n\nb")) == (Cue(1000, 2000, "a\nb"),)


def test_cues_are_told_apart_where_the_line_between_them_is_missing() -> None:
    assert parse_subtitles(SRT.replace("\n\n", "\n").encode()) == CUES


def test_a_text_may_have_an_arrow() -> None:
    assert parse_subtitles(srt("here --> there")) == (Cue(1000, 2000, "here --&gt; there"),)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"WEBVTT", b"WEBVTT\n\nNOTE x\n", b"\xef\xbb\xbf"])
def test_a_file_may_have_no_cue(data: bytes) -> None:
    assert parse_subtitles(data) == ()


@pytest.mark.parametrize(
    ("data", "error", "line"),
    [
        (b"hello", TimeSpanMissing, 1),
        (SRT.encode() + b"\n3\n", TimeSpanMissing, 10),
        (b"1\n00:00:01 -> 00:00:02\nx\n", TimeSpanMissing, 1),
        (b"1\n00:00:xx --> 00:00:02\nx\n", TimeSpanInvalid, 2),
        (b"1\n00:61:01 --> 00:62:02\nx\n", TimeSpanInvalid, 2),
        (b"WEBVTT\n\n00:01.000 --> later\nx", TimeSpanInvalid, 3),
        (srt("caf\u00e9\n").decode().encode("latin-1"), SubtitlesEncodingUnknown, 3),
        (b"\x89PNG\r\n\x1a\n", SubtitlesEncodingUnknown, 1),
        (SRT.encode("utf-16")[:-1], SubtitlesCutShort, 8),
        (srt("x" * 2001), SubtitlesLineTooLong, 3),
        (srt("\n".join(["x" * 1999] * 6)), CueTooLong, 2),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(
    data: bytes, error: type[SubtitlesInvalid], line: int
) -> None:
    with pytest.raises(error, match=rf"[Ll]ine {line}\b") as raised:
        parse_subtitles(data)
    assert raised.value.status == 422


def test_size_and_count_are_bounded() -> None:
    with pytest.raises(SubtitlesTooLarge):
        parse_subtitles(b"\n" * (MOST_BYTES + 1))
    with pytest.raises(TooManyCues):
        parse_subtitles(b"0:1 --> 0:2\nx\n\n" * (MOST_CUES + 1))


def test_cues_that_would_fill_every_segment_are_refused() -> None:
    with pytest.raises(SubtitlesTooDense):
        parse_subtitles((b"0:0 --> 9999:0:0\n" + b"x" * 1000 + b"\n\n") * 10)


def test_cues_move_with_the_start_of_the_video() -> None:
    cues = (Cue(0, 900, "a"), Cue(500, 1500, "b"), Cue(2000, 3000, "c"))
    assert shifted(cues, -1000) == (Cue(0, 500, "b"), Cue(1000, 2000, "c"))


TELLING = (
    *("\n", "\n\n", "\r", "1", "00:00:01,000", " --> ", "00:02.000", "WEBVTT", "NOTE", "<", ">"),
    *("</", "<i>", "<ruby>", "<rt>", "&", "&#10;", ";", "{\\", "}", "line:", "-", "\x00", "<v "),
)
"""What subtitles are made of."""
pieces = st.one_of(st.sampled_from(TELLING), st.text(max_size=8))
texts = st.lists(pieces, max_size=60).map("".join)


@given(st.one_of(st.binary(max_size=400), texts.map(lambda text: text.encode("utf-8", "replace"))))
def test_any_bytes_are_cues_or_an_error(data: bytes) -> None:
    try:
        cues = parse_subtitles(data)
    except SubtitlesInvalid:
        return
    # What comes out is well-formed: read again, it is the same.
    assert parse_subtitles(document(cues).encode()) == cues
    assert all(0 <= cue.start < cue.end and cue.text for cue in cues)


@given(texts)
def test_no_text_brings_its_own_markup(text: str) -> None:
    body = f"00:01.000 --> 00:02.000\n{text}\n".encode("utf-8", "replace")
    try:
        cues = parse_subtitles(body)
    except SubtitlesInvalid:
        return
    for cue in cues:
        assert "\n\n" not in cue.text
        assert "-->" not in cue.text

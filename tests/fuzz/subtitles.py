"""Fuzzes SRT and WebVTT: python -m tests.fuzz.subtitles [--runs N]."""

import atheris  # type: ignore[import-untyped]  # it publishes no types

from tests.fuzz.program import fuzz

with atheris.instrument_imports(include=["ingest.subtitles"]):
    from ingest.subtitles.cues import document
    from ingest.subtitles.errors import SubtitlesInvalid
    from ingest.subtitles.parse import parse_subtitles

EXAMPLES = (
    b"1\n0:01,000 --> 0:02,500\n<i>One</i> & <font color=red>two</font>\n\n2\n0:3 --> 0:4\nx",
    b"WEBVTT\n\nNOTE x\n\nSTYLE\n::cue{}\n\nid\n0:01 --> 0:02 line:0 align:start\n<v Bob>a\n",
    b"WEBVTT\n00:01.000 --> 00:02.000\n<ruby>a<rt>b</ruby><c.x.y>&lt;&#10;<00:01.5>\n",
    "\ufeff1\n-0:1 --> 9999:59:59.999\n{\\an8}a\n".encode("utf-16-le"),
    b"\xef\xbb\xbf1\r\n00:00:01,000 --> 00:00:02,500\r\nx --> y\r\r2\r0:1 --> 0:2\rz",
)


def check(data: bytes) -> None:
    """Reads ``data``; what comes of it is well-formed WebVTT that says the same."""
    try:
        cues = parse_subtitles(data)
    except SubtitlesInvalid as error:
        assert error.status in {413, 422}  # noqa: PT017 -- this is no test of pytest's
        return
    for cue in cues:
        assert 0 <= cue.start < cue.end
        assert cue.text
        assert "-->" not in cue.text
        assert all(line.strip() for line in cue.text.split("\n"))
    assert parse_subtitles(document(cues).encode()) == cues


if __name__ == "__main__":
    fuzz(check, EXAMPLES)

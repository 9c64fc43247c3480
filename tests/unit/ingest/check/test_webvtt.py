"""What the header of a WebVTT segment says of the clock of its text."""

import pytest

from ingest.check.webvtt import text_segment


@pytest.mark.parametrize(
    ("line", "offset"),
    [
        (b"X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000", 900_000),
        (b"X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:10.000", 0),
        (b"X-TIMESTAMP-MAP=MPEGTS:90000,LOCAL:00:01.500", -45_000),
        (b"X-TIMESTAMP-MAP=MPEGTS:1", None),
        (b"X-TIMESTAMP-MAP=nonsense", None),
    ],
)
def test_a_map_moves_cues_by_the_difference_of_its_two_times(
    line: bytes, offset: int | None
) -> None:
    for end in (b"\n", b"\r\n"):
        data = end.join([b"WEBVTT", line, b"", b"00:01.000 --> 00:02.000", b"Hello"])
        one = text_segment("0.vtt", data)
        assert (one.timestamp_map, one.text_offset) == (True, offset)


def test_a_map_behind_the_header_is_none() -> None:
    one = text_segment("0.vtt", b"WEBVTT\n\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n")
    assert (one.timestamp_map, one.text_offset) == (False, None)

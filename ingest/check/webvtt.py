"""What a WebVTT segment says (rfc8216bis §3.1.4)."""

import re
from typing import Final

from ingest.check.model import CLOCK, Measured
from ingest.package.facts import SegmentFacts

HEADER: Final = 1024
"""Bytes within which it ends."""
MAP: Final = re.compile(rb"^X-TIMESTAMP-MAP=(.*)$", re.MULTILINE)
LOCAL: Final = re.compile(
    rb"(?:^|,)LOCAL:(?:([0-9]{2,6}):)?([0-5][0-9]):([0-5][0-9])\.([0-9]{3})\b"
)
STREAM: Final = re.compile(rb"(?:^|,)MPEGTS:([0-9]{1,10})\b")


def text_segment(name: str, data: bytes) -> Measured:
    """What the segment ``data`` says, which begins with WEBVTT."""
    head = data[:HEADER].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    written = MAP.search(head)
    return Measured(
        sized(name, data, data.count(b"-->")),
        timestamp_map=written is not None,
        text_offset=_offset(written[1]) if written else None,
    )


def _offset(text: bytes) -> int | None:
    local, stream = LOCAL.search(text), STREAM.search(text)
    if local is None or stream is None:
        return None
    hours, minutes, seconds, thousandths = (int(part or 0) for part in local.groups())
    start = ((hours * 60 + minutes) * 60 + seconds) * CLOCK + thousandths * CLOCK // 1000
    return int(stream[1]) - start


def sized(name: str, data: bytes, count: int) -> SegmentFacts:
    """Facts of what has no times of its own."""
    return SegmentFacts(
        name=name,
        size=len(data),
        sha256="",
        decode_time=0,
        duration=0,
        sample_count=count,
        starts_with_sync=True,
    )

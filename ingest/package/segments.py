"""Facts of init and media segments, read from their boxes (ISO/IEC 14496-12 §8)."""

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from ingest.package.boxes import Box, whole
from ingest.package.codecs import aac, avc
from ingest.package.errors import PartInvalid
from ingest.package.facts import InitFacts, SegmentFacts

VISUAL_HEADER: Final = 78
"""Bytes of a visual sample entry before its boxes (§12.1.3)."""
AUDIO_HEADER: Final = 28
"""The same of an audio sample entry (§12.2.3)."""

NOT_SYNC: Final = 0x10000
"""Bit ``sample_is_non_sync_sample`` of a sample's flags (§8.8.3.1)."""


class Defaults(NamedTuple):
    """What holds for samples that do not say it themselves (§8.8.3, §8.8.7)."""

    duration: int
    flags: int


class _Run(NamedTuple):
    samples: int
    duration: int
    first_flags: int


def read_init(name: str, data: bytes) -> tuple[InitFacts, Defaults]:
    """The facts of the init segment ``data``, and its defaults for samples.

    Raises:
        PartInvalid: it is no init segment of one H.264 or AAC track.
    """
    moov = whole(data).find("moov")
    track = moov.find("trak")
    header = track.find("mdia", "mdhd")
    timescale = header.number(20 if header.number(0, 1) else 12, 4)
    entries = track.find("mdia", "minf", "stbl", "stsd")
    entry = next(entries.children(8), None)
    if entry is None:
        raise PartInvalid(name=name, reason="it describes no codec")
    codec, width, height, channels, sample_rate = "", 0, 0, 0, 0
    if entry.kind in {"avc1", "avc3"}:
        width, height = entry.number(24, 2), entry.number(26, 2)
        codec = avc(entry.kind, _within(entry, VISUAL_HEADER, "avcC"))
    elif entry.kind == "mp4a":
        sample_rate = entry.number(24, 2)
        codec, channels = aac(_within(entry, AUDIO_HEADER, "esds"))
    else:
        raise PartInvalid(name=name, reason=f"its codec {entry.kind!r} is not one made here")
    extends = moov.find("mvex", "trex")
    facts = InitFacts(
        name=name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        codec=codec,
        timescale=timescale,
        width=width,
        height=height,
        channels=channels,
        sample_rate=sample_rate,
    )
    return facts, Defaults(duration=extends.number(12, 4), flags=extends.number(20, 4))


def read_segment(name: str, data: bytes, defaults: Defaults) -> SegmentFacts:
    """The facts of the media segment ``data``, whose init segment sets ``defaults``.

    Raises:
        PartInvalid: it is no media segment.
    """
    fragments = [box for box in whole(data).children() if box.kind == "moof"]
    if not fragments:
        raise PartInvalid(name=name, reason="it has no 'moof' box")
    runs = [run for moof in fragments for run in _runs(moof.find("traf"), defaults)]
    samples = sum(run.samples for run in runs)
    if not samples:
        raise PartInvalid(name=name, reason="it has no samples")
    decode = fragments[0].find("traf", "tfdt")
    return SegmentFacts(
        name=name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        decode_time=decode.number(4, 8 if decode.number(0, 1) else 4),
        duration=sum(run.duration for run in runs),
        sample_count=samples,
        starts_with_sync=not runs[0].first_flags & NOT_SYNC,
    )


def _within(entry: Box, header: int, kind: str) -> Box:
    for box in entry.children(header):
        if box.kind == kind:
            return box
    raise PartInvalid(name=entry.kind, reason=f"it has no {kind!r} box")


def _runs(track: Box, defaults: Defaults) -> Iterator[_Run]:
    defaults = _track_defaults(track.find("tfhd"), defaults)
    for box in track.children():
        if box.kind == "trun":
            yield _run(box, defaults)


def _track_defaults(header: Box, defaults: Defaults) -> Defaults:
    """§8.8.7: optional fields follow the track's number, in the order of their flags."""
    flags = header.number(1, 3)
    place = 8 + 8 * bool(flags & 0x1) + 4 * bool(flags & 0x2)
    duration, sample_flags = defaults
    if flags & 0x8:
        duration = header.number(place, 4)
    place += 4 * bool(flags & 0x8) + 4 * bool(flags & 0x10)
    if flags & 0x20:
        sample_flags = header.number(place, 4)
    return Defaults(duration, sample_flags)


def _run(box: Box, defaults: Defaults) -> _Run:
    """§8.8.8: a table whose columns are those that the flags name."""
    flags = box.number(1, 3)
    count = box.number(4, 4)
    place = 8 + 4 * bool(flags & 0x1)
    first_flags = box.number(place, 4) if flags & 0x4 else None
    place += 4 * bool(flags & 0x4)
    columns = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
    if first_flags is None and 0x400 in columns and count:
        first_flags = box.number(place + 4 * columns.index(0x400), 4)
    duration = defaults.duration * count
    if 0x100 in columns:
        width = 4 * len(columns)
        duration = sum(box.number(place + width * row, 4) for row in range(count))
    return _Run(count, duration, defaults.flags if first_flags is None else first_flags)

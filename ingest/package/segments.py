"""Facts of init and media segments, read from their boxes (ISO/IEC 14496-12 §8)."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from common.hls import VideoRange
from ingest.package.boxes import Box, whole
from ingest.package.codecs import Colour, Sound, aac, av1, avc, hevc, opus
from ingest.package.errors import PartInvalid
from ingest.package.facts import InitFacts, KeyFrame, SegmentFacts

VISUAL_HEADER: Final = 78
"""Bytes of a visual sample entry before its boxes (§12.1.3)."""
AUDIO_HEADER: Final = 28
"""The same of an audio sample entry (§12.2.3)."""

NOT_SYNC: Final = 0x10000
"""Bit ``sample_is_non_sync_sample`` of a sample's flags (§8.8.3.1)."""

RANGES: Final = {16: VideoRange.PQ, 18: VideoRange.HLG}
"""By transfer characteristics (ITU-T H.273 table 3)."""


class Defaults(NamedTuple):
    """What holds for samples that do not say it themselves (§8.8.3, §8.8.7)."""

    duration: int
    size: int
    flags: int
    video: bool
    """Whether the samples are pictures, of which key frames are told."""


class Run(NamedTuple):
    """What a ``trun`` box says (§8.8.8)."""

    samples: int
    duration: int
    first_flags: int
    first_size: int
    first_shift: int
    """How much later the first sample is shown than decoded."""
    data_offset: int | None
    """Bytes from the fragment's start."""


class _Fragment(NamedTuple):
    place: int
    samples: int
    """Where the content of its ``mdat`` box begins, which is the next."""
    decode_time: int
    runs: tuple[Run, ...]

    @property
    def duration(self) -> int:
        return sum(run.duration for run in self.runs)

    @property
    def starts_with_sync(self) -> bool:
        return not self.runs[0].first_flags & NOT_SYNC


def read_init(name: str, data: bytes) -> tuple[InitFacts, Defaults]:
    """The facts of the init segment ``data``, and its defaults for samples.

    Raises:
        PartInvalid: it is no init segment of one track in a codec made here.
    """
    moov = whole(data).find("moov")
    track = moov.find("trak")
    timescale = timescale_of(name, track)
    entries = track.find("mdia", "minf", "stbl", "stsd")
    entry = next(entries.children(8), None)
    if entry is None:
        raise PartInvalid(name=name, reason="it describes no codec")
    picture = entry.kind in {"avc1", "avc3", "hvc1", "hev1", "av01"}
    colour = _colour(entry) if picture else None
    sound = Sound(_video_codec(entry, colour), 0) if picture else _sound(name, entry)
    facts = InitFacts(
        name=name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        codec=sound.codec,
        timescale=timescale,
        width=entry.number(24, 2) if picture else 0,
        height=entry.number(26, 2) if picture else 0,
        channels=sound.channels,
        sample_rate=0 if picture else entry.number(24, 2),
        video_range=RANGES.get(colour.transfer, VideoRange.SDR) if colour else VideoRange.SDR,
    )
    return facts, defaults_of(moov, video=picture)


def timescale_of(name: str, track: Box) -> int:
    """Units per second of a ``trak`` box in the init segment ``name`` (§8.4.2).

    Raises:
        PartInvalid: it tells none.
    """
    header = track.find("mdia", "mdhd")
    timescale = header.number(20 if header.number(0, 1) else 12, 4)
    if not timescale:
        raise PartInvalid(name=name, reason="its clock stands still")
    return timescale


def defaults_of(moov: Box, *, video: bool) -> Defaults:
    """What the box ``moov`` says of the samples of its first track (§8.8.3).

    Raises:
        PartInvalid: it says nothing.
    """
    duration, size, flags = moov.find("mvex", "trex").numbers(12, 3)
    return Defaults(duration, size, flags, video=video)


def read_segment(name: str, data: bytes, defaults: Defaults) -> SegmentFacts:
    """The facts of the media segment ``data``, whose init segment sets ``defaults``.

    Raises:
        PartInvalid: it is no media segment, or there is a hole in it.
    """
    facts, hole = read_any_segment(name, data, defaults)
    if hole:
        raise PartInvalid(name=name, reason="its fragments do not follow each other")
    return facts


def read_any_segment(name: str, data: bytes, defaults: Defaults) -> tuple[SegmentFacts, int]:
    """The same of a segment that may have holes, and the length of the first of them.

    It is less than 0 where a fragment begins before the one in front of it ends.

    Raises:
        PartInvalid: it is no media segment.
    """
    fragments = [_fragment(box, defaults) for box in whole(data).children() if box.kind == "moof"]
    if not fragments:
        raise PartInvalid(name=name, reason="it has no 'moof' box")
    holes = (
        after.decode_time - before.decode_time - before.duration
        for before, after in pairwise(fragments)
    )
    first = fragments[0]
    facts = SegmentFacts(
        name=name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        decode_time=first.decode_time,
        duration=sum(fragment.duration for fragment in fragments),
        sample_count=sum(run.samples for fragment in fragments for run in fragment.runs),
        starts_with_sync=first.starts_with_sync,
        key_frames=_key_frames(name, fragments, len(data)) if defaults.video else (),
    )
    return facts, next((hole for hole in holes if hole), 0)


def first_run(moof: Box) -> Run:
    """The first run of the fragment ``moof``, of which no init segment says anything.

    Raises:
        PartInvalid: it has none.
    """
    run = next(_runs(moof.find("traf"), Defaults(0, 0, 0, video=False)), None)
    if run is None:
        raise PartInvalid(name=moof.kind, reason="it has no 'trun' box")
    return run


def _video_codec(entry: Box, colour: Colour | None) -> str:
    if entry.kind == "av01":
        return av1(entry.kind, _within(entry, VISUAL_HEADER, "av1C"), colour)
    if entry.kind in {"hvc1", "hev1"}:
        return hevc(entry.kind, _within(entry, VISUAL_HEADER, "hvcC"))
    return avc(entry.kind, _within(entry, VISUAL_HEADER, "avcC"))


def _sound(name: str, entry: Box) -> Sound:
    if entry.kind == "mp4a":
        return aac(_within(entry, AUDIO_HEADER, "esds"))
    if entry.kind == "Opus":
        return opus(_within(entry, AUDIO_HEADER, "dOps"))
    raise PartInvalid(name=name, reason=f"its codec {entry.kind!r} is not one made here")


def _colour(entry: Box) -> Colour | None:
    """What the ``colr`` box says (§12.1.5); an ICC profile is none of H.273."""
    for box in entry.children(VISUAL_HEADER):
        if box.kind == "colr" and box.data[box.start : box.start + 4] == b"nclx":
            primaries, transfer, matrix = (box.number(4 + 2 * place, 2) for place in range(3))
            return Colour(primaries, transfer, matrix, full_range=bool(box.number(10, 1) & 0x80))
    return None


def _within(entry: Box, header: int, kind: str) -> Box:
    for box in entry.children(header):
        if box.kind == kind:
            return box
    raise PartInvalid(name=entry.kind, reason=f"it has no {kind!r} box")


def _fragment(moof: Box, defaults: Defaults) -> _Fragment:
    track = moof.find("traf")
    decode = track.find("tfdt")
    runs = tuple(_runs(track, defaults))
    if not any(run.samples for run in runs):
        raise PartInvalid(name="moof", reason="it has no samples")
    time = decode.number(4, 8 if decode.number(0, 1) else 4)
    return _Fragment(moof.place, moof.end + 8, time, runs)


def _key_frames(name: str, fragments: Sequence[_Fragment], size: int) -> tuple[KeyFrame, ...]:
    keys = []
    for fragment in fragments:
        if not fragment.starts_with_sync:
            continue
        run = fragment.runs[0]
        if run.data_offset is None:
            raise PartInvalid(name=name, reason="it does not say where its samples lie")
        end = fragment.place + run.data_offset + run.first_size
        if not run.first_size or end > size:
            raise PartInvalid(name=name, reason="a key frame does not lie in it")
        # A head of its own stands before it, where the fragment's is that of several samples.
        place = fragment.samples if fragment.samples < end - run.first_size else fragment.place
        keys.append(KeyFrame(place, end - place, fragment.decode_time))
    return tuple(keys)


def _runs(track: Box, defaults: Defaults) -> Iterator[Run]:
    header = track.find("tfhd")
    defaults = _track_defaults(header, defaults)
    # An offset into the whole file says nothing about a segment of it (§8.8.7.1).
    relative = not header.number(1, 3) & 0x1
    for box in track.children():
        if box.kind == "trun":
            yield _run(box, defaults, relative=relative)


def _track_defaults(header: Box, defaults: Defaults) -> Defaults:
    """§8.8.7: optional fields follow the track's number, in the order of their flags."""
    flags = header.number(1, 3)
    place = 8 + 8 * bool(flags & 0x1) + 4 * bool(flags & 0x2)
    own = [bool(flags & bit) for bit in (0x8, 0x10, 0x20)]
    told = iter(header.numbers(place, sum(own)))
    duration, size, sample_flags = (
        next(told) if here else default for here, default in zip(own, defaults[:3], strict=True)
    )
    return Defaults(duration, size, sample_flags, video=defaults.video)


def _run(box: Box, defaults: Defaults, *, relative: bool) -> Run:
    """§8.8.8: a table whose columns are those that the flags name."""
    flags = box.number(1, 3)
    count = box.number(4, 4)
    place = 8
    data_offset = None
    if flags & 0x1:
        data_offset = box.number(place, 4) if relative else None
        place += 4
    first_flags = defaults.flags
    if flags & 0x4:
        first_flags = box.number(place, 4)
        place += 4
    columns = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
    table = box.numbers(place, count * len(columns))
    duration, first_size, first_shift = defaults.duration * count, defaults.size, 0
    for column, bit in enumerate(columns):
        if bit == 0x100:
            duration = sum(table[column :: len(columns)])
        elif bit == 0x200 and count:
            first_size = table[column]
        elif bit == 0x400 and count and not flags & 0x4:
            first_flags = table[column]
        elif bit == 0x800 and count:
            first_shift = table[column]
    return Run(count, duration, first_flags, first_size, first_shift, data_offset)

"""What a fragmented MP4 segment says beyond its facts: key frames within, and what the first is.

ISO/IEC 14496-12 §8.8; NAL units: ITU-T H.264 §7.4.1 and H.265 §7.4.2.2.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import Final, NamedTuple

from msgspec import structs

from ingest.check.model import Measured
from ingest.package.boxes import Box, whole
from ingest.package.errors import PartInvalid
from ingest.package.segments import NOT_SYNC, Defaults, read_any_segment

MOST_SAMPLES: Final = 100_000
"""Of one run: a table without columns can claim billions."""

MOST_UNITS: Final = 64
"""NAL units looked at before the first slice: parameter sets and messages are few."""

NAL_LENGTH: Final = 4
"""Bytes of a NAL unit's length, as all encoders write it."""

H264_SLICES: Final = range(1, 6)
H264_IDR: Final = 5
HEVC_SLICES: Final = range(32)
HEVC_IDR: Final = frozenset({19, 20})


class Sample(NamedTuple):
    """What is told of a sample."""

    duration: int
    size: int
    flags: int


def measured(name: str, data: bytes, defaults: Defaults, codec: str) -> Measured:
    """What the segment ``data`` says.

    Raises:
        PartInvalid: it is no media segment.
    """
    bound_samples(name, data)
    facts, hole = read_any_segment(name, data, defaults)
    samples = list(_all_samples(data, defaults))
    lengths = Counter(duration for _, duration, _ in samples)
    return Measured(
        facts=facts,
        key_times=tuple(time for time, _, flags in samples if not flags & NOT_SYNC),
        idr=first_is_idr(data, codec),
        frame=max(lengths, key=lambda length: lengths[length], default=None),
        hole=hole,
    )


def measured_picture(name: str, data: bytes, defaults: Defaults, codec: str) -> Measured:
    """What ``data``, a byte range of an I-frame playlist, says: its ``moof`` and a first sample.

    Raises:
        PartInvalid: it does not begin with a ``moof`` box.
    """
    size = int.from_bytes(data[:4], "big")
    if data[4:8] != b"moof" or not 8 <= size <= len(data):
        raise PartInvalid(name=name, reason="the range does not begin at a 'moof' box")
    # The range ends with the first sample, and the box around it behind the last: cut it.
    rest = len(data) - size
    if rest < 8:
        raise PartInvalid(name=name, reason="the range ends before its picture")
    cut = data[:size] + rest.to_bytes(4, "big") + data[size + 4 :]
    bound_samples(name, cut)
    facts, _ = read_any_segment(name, cut, defaults)
    (picture,) = facts.key_frames or (None,)
    # A range may go on for a while, but not end within a sample.
    spare = picture is not None and len(data) not in _sample_ends(cut, defaults)
    return Measured(
        facts=structs.replace(facts, duration=0, sample_count=1),
        key_times=(facts.decode_time,),
        idr=first_is_idr(cut, codec),
        spare=len(data) - picture.size if picture is not None and spare else 0,
    )


def bound_samples(name: str, data: bytes) -> None:
    """Do nothing when no run claims more samples than a segment can hold.

    Raises:
        PartInvalid: one does.
    """
    for moof in whole(data).children():
        if moof.kind != "moof":
            continue
        for box in moof.find("traf").children():
            if box.kind == "trun" and box.number(4, 4) > MOST_SAMPLES:
                raise PartInvalid(name=name, reason="a run claims too many samples")


def _all_samples(data: bytes, defaults: Defaults) -> Iterator[tuple[int, int, int]]:
    """Decode time, duration and flags of each sample of the first track."""
    for moof in whole(data).children():
        if moof.kind != "moof":
            continue
        track = moof.find("traf")
        decode = track.find("tfdt")
        time = decode.number(4, 8 if decode.number(0, 1) else 4)
        own = _header(track.find("tfhd"), defaults)
        for box in track.children():
            if box.kind != "trun":
                continue
            for duration, _, flags in _samples(box, own):
                yield time, duration, flags
                time += duration


def _sample_ends(data: bytes, defaults: Defaults) -> frozenset[int]:
    """Where the samples of the first run of the fragment ``data`` end."""
    moof = next(whole(data).children())
    own = _header(moof.find("traf", "tfhd"), defaults)
    sizes = (size for _, size, _ in _samples(moof.find("traf", "trun"), own))
    return frozenset(accumulate(sizes, initial=_first_sample(moof)))


def _header(box: Box, defaults: Defaults) -> Sample:
    """§8.8.7: what holds for samples that do not say their own."""
    flags = box.number(1, 3)
    place = 8 + 8 * bool(flags & 0x1) + 4 * bool(flags & 0x2)
    found = []
    for bit, default in zip((0x8, 0x10, 0x20), defaults[:3], strict=True):
        found.append(box.number(place, 4) if flags & bit else default)
        place += 4 * bool(flags & bit)
    return Sample(*found)


def _samples(box: Box, own: Sample) -> Iterator[Sample]:
    """§8.8.8: each sample of a run."""
    present, count = box.number(1, 3), box.number(4, 4)
    place = 8 + 4 * bool(present & 0x1)
    first = box.number(place, 4) if present & 0x4 else None
    place += 4 * bool(present & 0x4)
    columns = [bit for bit in (0x100, 0x200, 0x400, 0x800) if present & bit]
    table = box.numbers(place, count * len(columns))
    for row in range(count):
        said = dict(zip(columns, table[row * len(columns) : (row + 1) * len(columns)], strict=True))
        flags = said.get(0x400, own.flags)
        yield Sample(
            said.get(0x100, own.duration),
            said.get(0x200, own.size),
            first if row == 0 and first is not None else flags,
        )


def first_is_idr(data: bytes, codec: str) -> bool | None:
    """Whether the first picture is an IDR picture; None where that cannot be told."""
    avc, hevc = codec.startswith("avc"), codec.startswith(("hvc", "hev"))
    if not (avc or hevc):
        return None
    place = 0
    for box in whole(data).children():
        if box.kind == "moof":
            place = _first_sample(box)
            break
    if not place:
        return None
    for _ in range(MOST_UNITS):
        if place + NAL_LENGTH >= len(data):
            return None
        length = int.from_bytes(data[place : place + NAL_LENGTH], "big")
        head = data[place + NAL_LENGTH]
        kind = head & 0x1F if avc else head >> 1 & 0x3F
        if kind in (H264_SLICES if avc else HEVC_SLICES):
            return kind == H264_IDR if avc else kind in HEVC_IDR
        place += NAL_LENGTH + length
    return None


def _first_sample(moof: Box) -> int:
    """Where the first sample of ``moof`` begins; 0 where it does not say so relative to itself."""
    run = moof.find("traf", "trun")
    if not run.number(1, 3) & 0x1:
        return 0
    header = moof.find("traf", "tfhd")
    if header.number(1, 3) & 0x1:
        return header.number(8, 8) + run.number(8, 4)
    return moof.place + run.number(8, 4)

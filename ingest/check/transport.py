"""What can be told of an MPEG-2 transport stream segment (ISO/IEC 13818-1 §2.4)."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from ingest.check.model import CLOCK, CLOCK_TURN, MPEG_AUDIO, OTHER, Measured
from ingest.package.errors import PartInvalid
from ingest.package.facts import SegmentFacts
from ingest.package.packets import PACKET, RANDOM_ACCESS, SYNC

NOTHING: Final = 0x1FFF
"""The identifier of packets that only fill."""
PROGRAM_ASSOCIATION: Final = 0
FIRST_FREE: Final = 0x20
"""The first packet identifier that is no table's by itself (ETSI EN 300 468 §5.1.3)."""

STREAM_TYPES: Final = {
    0x1B: "avc1", 0x24: "hvc1", 0x0F: "mp4a", 0x81: "ac-3", 0x87: "ec-3",
    0x03: MPEG_AUDIO, 0x04: MPEG_AUDIO,
}  # fmt: skip
"""§2.4.4.9 and Apple's list; names as in RFC 6381 of the same codecs in MP4."""
VIDEO_TYPES: Final = frozenset({0x1B, 0x24})

RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
"""Hz by sampling frequency index (ISO/IEC 14496-3 §1.6.3.4)."""
AAC_SAMPLES: Final = 1024


@dataclass(frozen=True)
class Transport:
    """A segment and what is in it."""

    measured: Measured
    codecs: frozenset[str]
    torn: int | None
    """Where packets are missing, in bytes; None where none are."""


@dataclass
class _Stream:
    kind: int
    times: list[int] = field(default_factory=list)
    """Presentation times, in 90 kHz."""
    keys: list[int] = field(default_factory=list)
    """Those of pictures at which a decoder can start."""
    payload: bytearray = field(default_factory=bytearray)


def read_transport(name: str, data: bytes) -> Transport:
    """What the segment ``data`` says; its video, or else its sound, gives the times.

    Raises:
        PartInvalid: it is no transport stream that begins with its tables.
    """
    if not data or len(data) % PACKET:
        raise PartInvalid(name=name, reason="its size is no multiple of 188 bytes")
    streams = _streams(name, data)
    chosen = next((one for one in streams.values() if one.kind in VIDEO_TYPES), None)
    idr = None
    if chosen is not None:
        start, duration, count = _of_pictures(chosen.times)
        idr = _first_is_idr(bytes(chosen.payload), chosen.kind)
    else:
        chosen = next((one for one in streams.values() if one.kind == 0x0F), None)
        if chosen is None:
            raise PartInvalid(name=name, reason="its codecs are none of H.264, HEVC and AAC")
        start, duration, count = _of_sound(chosen)
    if not count:
        raise PartInvalid(name=name, reason="it has no samples with a time")
    facts = SegmentFacts(
        name=name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        decode_time=start,
        duration=duration,
        sample_count=count,
        starts_with_sync=idr is not False,
    )
    kinds = frozenset(STREAM_TYPES.get(one.kind, OTHER) for one in streams.values())
    keys = tuple(chosen.keys) if chosen.kind in VIDEO_TYPES else ()
    measured = Measured(facts=facts, key_times=keys or None, idr=idr, frame=_usual_step(chosen))
    return Transport(measured, kinds, _torn(data))


def _usual_step(stream: _Stream) -> int | None:
    """How long most pictures are shown; None of sound."""
    if stream.kind not in VIDEO_TYPES:
        return None
    times = sorted(_near(stream.times))
    steps = Counter(after - before for before, after in pairwise(times) if after > before)
    return steps.most_common(1)[0][0] if steps else None


def _near(times: list[int]) -> list[int]:
    """``times`` without the turn of their clock, which may begin anew among them."""
    half = CLOCK_TURN // 2
    return [(time - times[0] + half) % CLOCK_TURN - half + times[0] for time in times]


def _torn(data: bytes) -> int | None:
    """Where the continuity counter of a stream jumps (§2.4.3.3)."""
    counts: dict[int, int] = {}
    for place in range(0, len(data), PACKET):
        pid = int.from_bytes(data[place + 1 : place + 3], "big") & 0x1FFF
        control = data[place + 3]
        if pid == NOTHING or not control & 0x10:
            continue
        count, before = control & 0xF, counts.get(pid)
        # A packet may be there twice, and a new beginning be marked.
        anew = control & 0x20 and data[place + 4] and data[place + 5] & 0x80
        if before is not None and count not in {before, (before + 1) & 0xF} and not anew:
            return place
        counts[pid] = count
    return None


def _streams(name: str, data: bytes) -> dict[int, _Stream]:
    """The elementary streams by packet identifier."""
    table: int | None = None
    streams: dict[int, _Stream] = {}
    for pid, starts, key, payload in _packets(name, data):
        if not streams and pid >= FIRST_FREE and pid != table:
            raise PartInvalid(name=name, reason="it does not begin with its program tables")
        if pid == PROGRAM_ASSOCIATION and table is None and starts:
            table = _program(payload)
        elif pid == table and not streams and starts:
            streams = {one: _Stream(kind) for one, kind in _listed(payload)}
        elif pid in streams:
            _take(streams[pid], payload, starts=starts, key=key)
    if not streams:
        raise PartInvalid(name=name, reason="it has no program map")
    return streams


def _packets(name: str, data: bytes) -> Iterator[tuple[int, bool, bool, bytes]]:
    """§2.4.3.2: identifier, whether a unit and a decoder can start, and payload of each packet."""
    for place in range(0, len(data), PACKET):
        if data[place] != SYNC[0]:
            raise PartInvalid(name=name, reason=f"byte {place} is no sync byte")
        head = int.from_bytes(data[place + 1 : place + 4], "big")
        start, key = place + 4, False
        if head >> 4 & 0x2:
            key = bool(data[start] and data[start + 1] & RANDOM_ACCESS)
            start += 1 + data[start]
        payload = data[start : place + PACKET] if head >> 4 & 0x1 else b""
        yield head >> 8 & 0x1FFF, bool(head >> 22 & 1), key, payload


def _section(payload: bytes) -> bytes:
    """§2.4.4: the table behind the pointer field, its checksum left off."""
    if not payload:
        return b""
    section = payload[1 + payload[0] :]
    length = int.from_bytes(section[1:3], "big") & 0xFFF
    return section[: max(3 + length - 4, 0)]


def _program(payload: bytes) -> int | None:
    """The identifier of the first program's map."""
    section = _section(payload)
    for place in range(8, len(section) - 3, 4):
        if section[place : place + 2] != b"\0\0":
            return int.from_bytes(section[place + 2 : place + 4], "big") & 0x1FFF
    return None


def _listed(payload: bytes) -> Iterator[tuple[int, int]]:
    """Identifier and type of each stream in a program map."""
    section = _section(payload)
    place = 12 + (int.from_bytes(section[10:12], "big") & 0xFFF)
    while place + 5 <= len(section):
        yield int.from_bytes(section[place + 1 : place + 3], "big") & 0x1FFF, section[place]
        place += 5 + (int.from_bytes(section[place + 3 : place + 5], "big") & 0xFFF)


def _take(stream: _Stream, payload: bytes, *, starts: bool, key: bool) -> None:
    """§2.4.3.6: note a packet's time, and keep what is needed of its payload."""
    if starts and payload[:3] == b"\0\0\1" and len(payload) >= 14:
        if payload[7] & 0x80:
            stamp = payload[9:14]
            time = (stamp[0] >> 1 & 0x7) << 30 | stamp[1] << 22 | (stamp[2] >> 1) << 15
            stream.times.append(time | stamp[3] << 7 | stamp[4] >> 1)
            if key:
                stream.keys.append(stream.times[-1])
        payload = payload[9 + payload[8] :]
    # Of pictures the first is looked at; of sound every frame is counted.
    if stream.kind not in VIDEO_TYPES or len(stream.times) <= 1:
        stream.payload += payload


def _of_pictures(times: list[int]) -> tuple[int, int, int]:
    """Start, duration and number of pictures, each of which has a packet of its own."""
    if not times:
        return 0, 0, 0
    times = _near(times)
    first, last = min(times), max(times)
    step = round((last - first) / (len(times) - 1)) if len(times) > 1 else 0
    return first, last - first + step, len(times)


def _of_sound(stream: _Stream) -> tuple[int, int, int]:
    """The same of AAC in ADTS frames (ISO/IEC 14496-3 §1.A.2.2)."""
    data, place, count, rate = bytes(stream.payload), 0, 0, 0
    while place + 7 <= len(data) and data[place] == 0xFF and data[place + 1] >> 4 == 0xF:
        index = data[place + 2] >> 2 & 0xF
        rate = RATES[index] if index < len(RATES) else 0
        length = int.from_bytes(data[place + 3 : place + 6], "big") >> 5 & 0x1FFF
        if length < 7:
            break
        place += length
        count += 1
    if not stream.times or not rate:
        return 0, 0, 0
    return stream.times[0], round(count * AAC_SAMPLES * CLOCK / rate), count


def _first_is_idr(data: bytes, kind: int) -> bool | None:
    """Whether the first slice is of an IDR picture (ITU-T H.264 Annex B)."""
    place = 0
    while (place := data.find(b"\0\0\1", place) + 3) > 2 and place < len(data):
        unit = data[place] & 0x1F if kind == 0x1B else data[place] >> 1 & 0x3F
        if kind == 0x1B and unit in {1, 5}:
            return unit == 5
        if kind != 0x1B and unit < 32:
            return unit in {19, 20}
    return None

"""The head that makes a group's key frame a fragment of its own, inside of the group's fragment.

A byte range of an I-frame playlist is to be decoded alone (rfc8216bis §4.4.3.6), but the head of a
fragment names all of its pictures: decoders look for them in what comes next. Fragments of a key
frame alone, in front of others, make GStreamer find another frame rate in each, and no picture of
AV1 after it. So a second head stands right before the key frame, within the ``mdat`` box, where
nobody looks who follows the offset of the first (ISO/IEC 14496-12 §8.8.8).
"""

from typing import Final

from ingest.package.boxes import Box, whole
from ingest.package.errors import PartInvalid

HEADER: Final = 8
"""Bytes before a box's content (§4.2)."""

OFFSET: Final = 0x1
"""Flag of a ``trun`` box: a number of 4 bytes tells where the samples lie."""
FIRST_FLAGS: Final = 0x4
"""The same: as many tell flags of the first sample."""
SIZES: Final = 0x200
COLUMNS: Final = (0x100, SIZES, 0x400, 0x800)
"""Flags of what each sample tells, 4 bytes each."""

DEFAULT_SIZE: Final = 0x10
"""Flag of a ``tfhd`` box: it tells the size of all samples."""
BEFORE: Final = {0x1: 8, 0x2: 4, 0x8: 4}
"""Bytes of what stands before that, by its flags (§8.8.7)."""


def with_inner_head(moof: bytes) -> tuple[bytes, bytes]:
    """The box ``moof`` as it is behind the inner head, and that head: a ``moof`` box and the header
    of an ``mdat`` box.

    The head is empty where there is a single picture.

    Raises:
        PartInvalid: it is not what the muxer is told to write.
    """
    box = whole(moof).find("moof")
    track = box.find("traf")
    sequence, header, time, run = (
        box.find("mfhd"),
        *(track.find(kind) for kind in ("tfhd", "tfdt", "trun")),
    )
    flags, count, offset = run.number(1, 3), run.number(4, 4), run.number(8, 4)
    if not flags & OFFSET or offset != len(moof) + HEADER:
        raise PartInvalid(name="moof", reason="its samples do not lie right behind it")
    if count == 1:
        return moof, b""
    place = run.start + 12
    row = place + 4 * bool(flags & FIRST_FLAGS)
    table = moof[place : row + 4 * sum(bool(flags & one) for one in COLUMNS)]
    # The headers of boxes around, and the run's version, flags and count.
    length = sum(one.end - one.place for one in (sequence, header, time)) + len(table) + 36
    head = _box(
        "moof",
        _copied(sequence),
        _box(
            "traf",
            _copied(header),
            _copied(time),
            _box("trun", moof[run.start : run.start + 4], _word(1), _word(length + HEADER), table),
        ),
    )
    head += _word(HEADER + _first_size(header, run, row)) + b"mdat"
    moved = _word(offset + len(head))
    return moof[: place - 4] + moved + moof[place:], head


def _first_size(header: Box, run: Box, row: int) -> int:
    flags = run.number(1, 3)
    if flags & SIZES:
        before = sum(bool(flags & one) for one in COLUMNS if one < SIZES)
        return run.number(row - run.start + 4 * before, 4)
    flags = header.number(1, 3)
    if not flags & DEFAULT_SIZE:
        raise PartInvalid(name="tfhd", reason="it does not tell the size of samples")
    return header.number(8 + sum(size for flag, size in BEFORE.items() if flags & flag), 4)


def _copied(box: Box) -> bytes:
    return box.data[box.place : box.end]


def _box(kind: str, *content: bytes) -> bytes:
    data = b"".join(content)
    return _word(HEADER + len(data)) + kind.encode() + data


def _word(number: int) -> bytes:
    return number.to_bytes(4, "big")

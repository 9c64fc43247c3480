"""From what ffmpeg's muxer wrote of a chunk to init segment and media segments as they should be.

The muxer writes the init segment before it knows by how much B-frames delay presentation: the edit
list that takes it off is added here. And it leaves away the box that tells what a file is. Segments
are looked at box by box and copied in pieces, never read whole.
"""

import os
import shutil
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from ingest.package.boxes import Box, whole
from ingest.package.errors import PartInvalid
from ingest.package.layout import INIT_NAME, segment_name

HEADER: Final = 8
LONG_HEADER: Final = 16
"""Bytes before a box's content (ISO/IEC 14496-12 §4.2)."""

SEGMENT_TYPE: Final = b"\x00\x00\x00\x18stypmsdh\x00\x00\x00\x00msdhmsix"
"""The box that a segment in a file of its own should begin with (§8.16.2)."""

OFFSETS: Final = 0x800
"""Flag of a ``trun`` box whose samples tell how much later they are shown than decoded (§8.8.8)."""
OPTIONAL: Final = (0x1, 0x4)
"""Flags of what stands in front of its samples, 4 bytes each."""
COLUMNS: Final = (0x100, 0x200, 0x400)
"""Flags of what a sample tells before that, 4 bytes each."""

MOST_HEAD: Final = 1 << 20
"""Bytes of an init segment and of a ``moof`` box; real ones have a hundredth of it."""

PIECE: Final = 1 << 20


class _Place(NamedTuple):
    kind: str
    start: int
    size: int


def settle(folder: Path, first: int, fragments: tuple[int, ...]) -> None:
    """Finish the init segment and the media segments in ``folder``, numbered from ``first``.

    ``fragments`` tells how many each of them has. Reads and writes files: call it in a thread,
    where an event loop runs.

    Raises:
        PartInvalid: a file is missing, or is not what the muxer is told to write.
    """
    delay = 0
    for number, count in enumerate(fragments, start=first):
        name = segment_name(number)
        with _opened(folder, name) as file:
            places = _places(name, file)
            if [place.kind for place in places] != ["moof", "mdat"] * count:
                raise PartInvalid(name=name, reason=f"it does not have {count} fragments")
            if number == first:
                delay = _delay(_head(name, file, places[0].size))
            _rewrite(file, folder / name)
    with _opened(folder, INIT_NAME) as file:
        size = sum(place.size for place in _places(INIT_NAME, file))
        init = _head(INIT_NAME, file, size)
    (folder / INIT_NAME).write_bytes(with_edit_list(init, delay))


def with_edit_list(init: bytes, media_time: int) -> bytes:
    """The init segment ``init`` of one track, whose presentation begins at ``media_time``, in units
    of its timescale (ISO/IEC 14496-12 §8.6.6).

    Raises:
        PartInvalid: it is none.
    """
    moov = whole(init).find("moov")
    track = moov.find("trak")
    header = track.find("tkhd")
    edit = b"".join(
        number.to_bytes(4, "big")
        # One edit in version 0: as long as it may be, from media_time, at normal speed.
        for number in (0, 1, 0, media_time, 1 << 16)
    )
    box = _box(b"edts", _box(b"elst", edit))
    made = bytearray(init)
    made[header.end : header.end] = box
    for grown in (moov, track):
        start = grown.start - HEADER
        size = int.from_bytes(init[start : start + 4], "big") + len(box)
        made[start : start + 4] = size.to_bytes(4, "big")
    return bytes(made)


def _opened(folder: Path, name: str) -> BinaryIO:
    try:
        return (folder / name).open("rb")
    except FileNotFoundError as error:
        raise PartInvalid(name=name, reason="the encoder did not write it") from error


def _places(name: str, file: BinaryIO) -> list[_Place]:
    """The boxes that fill ``file``."""
    end = os.fstat(file.fileno()).st_size
    found = []
    start = 0
    while start < end:
        file.seek(start)
        head = file.read(LONG_HEADER)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[HEADER:], "big")
        if size < HEADER or start + size > end:
            raise PartInvalid(name=name, reason="a box does not fit where it is")
        found.append(_Place(head[4:HEADER].decode("latin-1"), start, size))
        start += size
    return found


def _head(name: str, file: BinaryIO, size: int) -> bytes:
    if size > MOST_HEAD:
        raise PartInvalid(name=name, reason="its head is too large")
    file.seek(0)
    return file.read(size)


def _delay(fragment: bytes) -> int:
    """How much later the first sample of a ``moof`` box is shown than decoded."""
    run: Box = whole(fragment).find("moof", "traf", "trun")
    flags = run.number(1, 3)
    if not flags & OFFSETS:
        return 0
    before = [flag for flag in (*OPTIONAL, *COLUMNS) if flags & flag]
    return run.number(8 + 4 * len(before), 4)


def _rewrite(file: BinaryIO, target: Path) -> None:
    made = target.with_suffix(".new")
    file.seek(0)
    with made.open("wb") as new:
        new.write(SEGMENT_TYPE)
        shutil.copyfileobj(file, new, PIECE)
    made.replace(target)


def _box(kind: bytes, content: bytes) -> bytes:
    return (HEADER + len(content)).to_bytes(4, "big") + kind + content

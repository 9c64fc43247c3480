"""From what ffmpeg's muxer wrote of a chunk to init segment and media segments as they should be.

The muxer writes the init segment before it knows by how much B-frames delay presentation: the edit
list that takes it off is added here. (Offsets below 0 would need none, but ffmpeg and GStreamer
then show all pictures as much later as the lowest offset, which ffmpeg may find in mid play.) And
it leaves away the box that tells what a file is, and the head that makes a key frame a fragment of
its own. Segments are looked at box by box and copied in pieces, never read whole.
"""

import os
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from ingest.package.boxes import HEADER, new_box, whole, word
from ingest.package.errors import PartInvalid
from ingest.package.layout import INIT_NAME, segment_name
from ingest.package.segments import first_run
from ingest.transcode.key_frame import with_inner_head

SEGMENT_TYPE: Final = b"\x00\x00\x00\x18stypmsdh\x00\x00\x00\x00msdhmsix"
"""The box that a segment in a file of its own should begin with (§8.16.2)."""

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
                delay = first_run(whole(_head(name, file, places[0])).find("moof")).first_shift
            _rewrite(file, folder / name, places)
    with _opened(folder, INIT_NAME) as file:
        size = sum(place.size for place in _places(INIT_NAME, file))
        init = _head(INIT_NAME, file, _Place("file", 0, size))
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
    # One edit in version 0: as long as it may be, from media_time, at normal speed.
    edit = map(word, (0, 1, 0, media_time, 1 << 16))
    box = new_box("edts", new_box("elst", *edit))
    made = bytearray(init)
    made[header.end : header.end] = box
    for grown in (moov, track):
        start = grown.start - HEADER
        size = int.from_bytes(init[start : start + 4], "big") + len(box)
        made[start : start + 4] = word(size)
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
        head = file.read(HEADER)
        size = int.from_bytes(head[:4], "big")
        if size < HEADER or start + size > end:
            raise PartInvalid(name=name, reason="a box does not fit where it is")
        found.append(_Place(head[4:].decode("latin-1"), start, size))
        start += size
    return found


def _head(name: str, file: BinaryIO, place: _Place) -> bytes:
    if place.size > MOST_HEAD:
        raise PartInvalid(name=name, reason="its head is too large")
    file.seek(place.start)
    return file.read(place.size)


def _rewrite(file: BinaryIO, target: Path, places: list[_Place]) -> None:
    made = target.with_suffix(".new")
    with made.open("wb") as new:
        new.write(SEGMENT_TYPE)
        for moof, mdat in zip(places[::2], places[1::2], strict=True):
            outer, inner = with_inner_head(_head(target.name, file, moof))
            new.write(outer + word(mdat.size + len(inner)) + b"mdat" + inner)
            file.seek(mdat.start + HEADER)
            left = mdat.size - HEADER
            while left and (piece := file.read(min(left, PIECE))):
                new.write(piece)
                left -= len(piece)
    made.replace(target)

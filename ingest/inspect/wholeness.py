"""Whether an ISO base media file is all there, told by the sizes of its outermost boxes.

A demuxer reads such a file up to where it was cut and says nothing; the boxes do say how much there
should be (ISO/IEC 14496-12 §4.2).
"""

import re
from pathlib import Path
from typing import BinaryIO, Final

from ingest.inspect.errors import FileDamaged, FileTruncated

HEADER: Final = 8
"""Bytes of a box's size and type."""

MOST_BOXES: Final = 1_000_000
"""A recording of a hundred hours in fragments of a second has fewer."""

SAYABLE: Final = re.compile(r"[A-Za-z0-9_ ©-]{4}")
"""Types of boxes; any other bytes are none."""

FIRST_BOXES: Final = frozenset(
    {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"udta", b"uuid", b"junk"}
)


def require_whole(path: Path) -> None:
    """Check that every outermost box of the file at ``path`` is complete and one is the index.

    Raises:
        FileTruncated: a box promises more than there is, or no ``moov`` box is there.
        FileDamaged: between its boxes is something else, or there are more of them than any
            recording has fragments.
    """
    length = path.stat().st_size
    indexed = False
    with path.open("rb") as file:
        offset = 0
        for _ in range(MOST_BOXES):
            if offset + HEADER > length:
                break
            kind, size = _box(file, offset, length)
            if not SAYABLE.fullmatch(kind):
                raise FileDamaged(reason=f"at its byte {offset} there should be a box, and is none")
            if offset + size > length:
                raise FileTruncated(
                    reason=f"{offset + size - length} bytes of its {kind!r} box are missing"
                )
            if size < HEADER:
                break
            indexed = indexed or kind == "moov"
            offset += size
        else:
            raise FileDamaged(reason=f"it is in more than {MOST_BOXES} pieces")
    if not indexed:
        raise FileTruncated(reason="its index, the 'moov' box, is missing")


def looks_like_iso_media(path: Path) -> bool:
    """Whether the file at ``path`` begins as ISO base media and QuickTime files do."""
    with path.open("rb") as file:
        return file.read(HEADER)[4:] in FIRST_BOXES


def _box(file: BinaryIO, offset: int, length: int) -> tuple[str, int]:
    """Type and size of the box at ``offset``; size 0 means: to the end of the file."""
    file.seek(offset)
    header = file.read(16)
    size = int.from_bytes(header[:4], "big")
    if size == 1:
        size = int.from_bytes(header[8:16], "big")
    elif size == 0:
        size = length - offset
    return header[4:8].decode("latin-1"), size

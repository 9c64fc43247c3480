"""The boxes of ISO base media files (ISO/IEC 14496-12 §4.2)."""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from ingest.package.errors import PartInvalid

HEADER: Final = 8
"""Bytes before the content of a box that is not too large to be written here."""


class Box(NamedTuple):
    """One box; ``data[start:end]`` is its content, the header left off."""

    kind: str
    data: bytes
    start: int
    end: int
    place: int
    """Where its header starts in ``data``."""

    def number(self, offset: int, length: int) -> int:
        """The unsigned integer of ``length`` bytes at ``offset`` of the content.

        Raises:
            PartInvalid: the box ends before it.
        """
        place = self.start + offset
        if place + length > self.end:
            raise PartInvalid(name=self.kind, reason="the box ends too early")
        return int.from_bytes(self.data[place : place + length], "big")

    def numbers(self, offset: int, count: int) -> tuple[int, ...]:
        """``count`` unsigned integers of 4 bytes from ``offset`` of the content on.

        Raises:
            PartInvalid: the box ends before the last of them does.
        """
        place = self.start + offset
        if place + 4 * count > self.end:
            raise PartInvalid(name=self.kind, reason="the box ends too early")
        return struct.unpack_from(f">{count}I", self.data, place)

    def children(self, offset: int = 0) -> Iterator["Box"]:
        """The boxes in it, the first at ``offset`` of its content."""
        return boxes(self.data, self.start + offset, self.end)

    def find(self, *path: str) -> "Box":
        """The first box at ``path``, a kind per level.

        Raises:
            PartInvalid: there is none.
        """
        box = self
        for kind in path:
            found = next((child for child in box.children() if child.kind == kind), None)
            if found is None:
                raise PartInvalid(name=box.kind, reason=f"it has no {kind!r} box")
            box = found
        return box


def new_box(kind: str, *content: bytes) -> bytes:
    """A box of that kind."""
    data = b"".join(content)
    return word(HEADER + len(data)) + kind.encode() + data


def word(number: int) -> bytes:
    """``number`` as boxes have it, in 4 bytes."""
    return number.to_bytes(4, "big")


def whole(data: bytes) -> Box:
    """All of a file, as if it were one box."""
    return Box("file", data, 0, len(data), 0)


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes that fill ``data[start:end]``.

    Raises:
        PartInvalid: they do not fill it exactly.
    """
    while start < end:
        header = HEADER
        size = int.from_bytes(data[start : start + 4], "big")
        kind = data[start + 4 : start + 8].decode("latin-1")
        if size == 1:
            header = 16
            size = int.from_bytes(data[start + 8 : start + 16], "big")
        if size < header or start + size > end:
            raise PartInvalid(name=kind, reason="a box does not fit where it is")
        yield Box(kind, data, start + header, start + size, start)
        start += size

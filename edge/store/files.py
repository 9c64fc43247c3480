"""Objects' bytes in files, and how damage to them is noticed.

A file has the representation's bytes where they belong, holes where none are held, and after the
last one a checksum for each slice, over the bytes that are held of it. Every read from the disk
checks the slices that it touches, so that neither a crash nor a dying disk reaches a viewer.
"""

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import xxhash

from common.errors import NearcastError
from edge.policy.coverage import Span
from edge.policy.stored import Stored

T = TypeVar("T")
SLICE = 256 * 1024
"""Bytes that have a checksum of their own, and that are read at once."""
CHECKSUM = 8
"""Bytes of one checksum."""


class ObjectDamaged(NearcastError):
    """The stored object {number} is damaged: {reason}."""


def file_of(folder: Path, number: int) -> Path:
    """Where object ``number`` is within the objects' ``folder``."""
    return Path(name_of(str(folder), number))


def name_of(folder: str, number: int) -> str:
    """As ``file_of``."""
    return f"{folder}/{number & 0xFF:02x}/{number:x}"


def unlink_files(folder: Path, numbers: Iterable[int]) -> None:
    """Deletes the files of objects, those that are there."""
    for number in numbers:
        with contextlib.suppress(OSError):
            file_of(folder, number).unlink(missing_ok=True)


def put_in_folder(put: Callable[[], T], path: str) -> T:
    """What ``put`` answers, which puts a file at ``path``; its folder is made if it is missing."""
    try:
        return put()
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            os.mkdir(os.path.dirname(path))
        return put()


def slices(start: int, stop: int) -> range:
    """The numbers of the slices that hold the bytes from ``start`` up to, without, ``stop``."""
    return range(start // SLICE, -(-stop // SLICE))


def held_of_slice(held: Iterable[Span], number: int) -> list[Span]:
    """What is held of slice ``number``."""
    first, last = number * SLICE, (number + 1) * SLICE
    return [
        (max(start, first), min(stop, last))
        for start, stop in held
        if start < last and stop > first
    ]


def checksum(data: bytes | bytearray) -> bytes:
    """The checksum of a slice's held bytes."""
    return xxhash.xxh3_64_digest(data)


class ObjectFile:
    """A stored object's file, open for reading. All calls touch the disk: they belong in a thread.

    Opened once per response: an object that is evicted meanwhile stays readable to its end.
    """

    def __init__(self, folder: Path, stored: Stored) -> None:
        """Opens it.

        Raises:
            ObjectDamaged: it is not there, or too short.
        """
        self._stored = stored
        count = len(slices(0, stored.size))
        self._file = -1
        try:
            self._file = os.open(file_of(folder, stored.number), os.O_RDONLY | os.O_CLOEXEC)
            self._checksums = os.pread(self._file, count * CHECKSUM, stored.size)
        except OSError as error:
            self.close()
            raise ObjectDamaged(number=stored.number, reason=str(error)) from error
        if len(self._checksums) != count * CHECKSUM:
            self.close()
            raise ObjectDamaged(number=stored.number, reason="its file is cut")

    def read(self, start: int, stop: int) -> bytes:
        """The held bytes from ``start`` up to, without, ``stop``, checked.

        Raises:
            ObjectDamaged: they are not what was stored.
        """
        pieces = [self._piece(number, start, stop) for number in slices(start, stop)]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, number: int, start: int, stop: int) -> bytes:
        spans = held_of_slice(self._stored.held, number)
        try:
            parts = [os.pread(self._file, right - left, left) for left, right in spans]
        except OSError as error:
            raise ObjectDamaged(number=self._stored.number, reason=str(error)) from error
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        expected = self._checksums[number * CHECKSUM : (number + 1) * CHECKSUM]
        if checksum(data) != expected:
            raise ObjectDamaged(
                number=self._stored.number, reason=f"slice {number} has another checksum"
            )
        wanted = (max(start, number * SLICE), min(stop, (number + 1) * SLICE))
        before = 0
        for left, right in spans:
            if left <= wanted[0] and wanted[1] <= right:
                if wanted == (left, right) and len(parts) == 1:
                    return data
                first = before + wanted[0] - left
                return data[first : first + wanted[1] - wanted[0]]
            before += right - left
        raise ObjectDamaged(number=self._stored.number, reason="bytes are asked for that it lacks")

    def close(self) -> None:
        """Closes it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

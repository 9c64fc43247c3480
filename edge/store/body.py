"""An object's bytes while they arrive: written by fetches, read by many at the same time.

They are in a file. When the disk is full they go on in memory, so that those who wait get them all
the same; such an object is not kept.
"""

import errno
import hashlib
import os
from pathlib import Path

from common.errors import StorageFull
from edge.policy.coverage import Span, add_span, within
from edge.store.files import CHECKSUM, checksum, held_of_slice, slices

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
MEMORY_LIMIT = 64 * 1024 * 1024
"""Bytes of one object that may be in memory while the disk is full."""
_READ_AT_ONCE = 1024 * 1024


class Body:
    """Bytes that arrive. Calls touch the disk: they belong in a thread, one write at a time."""

    def __init__(self, path: Path, *, held: tuple[Span, ...] | None = None) -> None:
        """Begins a new file at ``path``, or with ``held`` goes on in the one that is there."""
        self.path = path
        self.grows = held is not None
        """Whether it goes on in the file of a stored object."""
        self.held: tuple[Span, ...] = held or ()
        self._memory: bytearray | None = None
        self._digest = hashlib.sha256()
        self._digested = 0
        self._file = -1
        create = 0 if self.grows else os.O_CREAT | os.O_EXCL
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC | create, 0o600)
        except OSError as error:
            if error.errno not in FULL or self.grows:
                raise
            self._memory = bytearray()

    @property
    def on_disk(self) -> bool:
        """Whether all of it is in its file."""
        return self._memory is None

    def available(self, start: int) -> int:
        """Up to where bytes from ``start`` on can be read; ``start`` when none can."""
        return within(self.held, start)

    def write(self, offset: int, data: bytes) -> None:
        """Puts ``data`` at ``offset``.

        Raises:
            StorageFull: there is space neither on the disk nor in memory.
        """
        if self._memory is None:
            try:
                _write_all(self._file, data, offset)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                self._move_to_memory(offset)
        if self._memory is not None:
            if offset != len(self._memory) or offset + len(data) > MEMORY_LIMIT:
                raise _no_space()
            self._memory += data
        if offset == self._digested:
            self._digest.update(data)
            self._digested += len(data)
        self.held = add_span(self.held, (offset, offset + len(data)))

    def _move_to_memory(self, size: int) -> None:
        if self.grows or size > MEMORY_LIMIT or self.held not in {(), ((0, size),)}:
            raise _no_space()
        self._memory = bytearray(os.pread(self._file, size, 0))
        # The name goes, so the disk has its space back once the last reader has closed.
        self.path.unlink(missing_ok=True)

    def read(self, start: int, length: int) -> bytes:
        """At most ``length`` bytes from ``start`` on, of those that have arrived."""
        length = min(length, self.available(start) - start)
        if self._memory is not None:
            return bytes(self._memory[start : start + length])
        return os.pread(self._file, length, start)

    def whole_digest(self, size: int) -> bytes:
        """The SHA-256 of all ``size`` bytes, which are there."""
        if self._digested == size:
            return self._digest.digest()
        digest = hashlib.sha256()
        for start in range(0, size, _READ_AT_ONCE):
            digest.update(self.read(start, min(_READ_AT_ONCE, size - start)))
        return digest.digest()

    def seal(self, size: int, span: Span) -> None:
        """Writes the checksums of the slices that ``span`` touches, of an object of ``size``.

        Raises:
            StorageFull: no space is left.
        """
        try:
            for number in slices(*span):
                held = held_of_slice(self.held, number)
                data = b"".join(os.pread(self._file, stop - start, start) for start, stop in held)
                os.pwrite(self._file, checksum(data), size + number * CHECKSUM)
            end = size + len(slices(0, size)) * CHECKSUM
            if os.fstat(self._file).st_size < end:
                os.truncate(self._file, end)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise _no_space() from error

    def close(self) -> None:
        """Ends reading and writing; a discarded file's space is free from here on."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def discard(self) -> None:
        """Removes the file's name; those who read it may go on."""
        if not self.grows:
            self.path.unlink(missing_ok=True)


def _no_space() -> StorageFull:
    return StorageFull(where="the cache's disk, and the object is too large for memory")


def _write_all(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view = view[written:]
        offset += written

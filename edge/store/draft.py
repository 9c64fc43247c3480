"""An object while it arrives: written once, read by many at the same time.

Its bytes are in a file under a temporary name. When the disk is full they go on in memory, so that
those who wait get them all the same; such an object is not kept.
"""

import errno
import hashlib
import os
from pathlib import Path

from common.errors import StorageFull

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Draft:
    """Bytes that arrive. Calls touch the disk: they belong in a thread, one write at a time."""

    def __init__(self, path: Path, *, memory_limit: int) -> None:
        """Begins a draft in the file ``path``.

        Args:
            path: a file that does not exist yet.
            memory_limit: bytes that it may take in memory when the disk is full.
        """
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._memory: bytearray | None = None
        self._memory_limit = memory_limit
        self._file = -1
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._memory = bytearray()

    @property
    def on_disk(self) -> bool:
        """Whether all of it is in its file."""
        return self._memory is None

    def write(self, data: bytes) -> None:
        """Appends ``data``.

        Raises:
            StorageFull: there is space neither on the disk nor in memory.
        """
        if self._memory is None:
            try:
                _write_all(self._file, data, self.size)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                self._move_to_memory()
        if self._memory is not None:
            if self.size + len(data) > self._memory_limit:
                raise StorageFull(where="the cache's disk, and the object is too large for memory")
            self._memory += data
        self._digest.update(data)
        self.size += len(data)

    def _move_to_memory(self) -> None:
        if self.size > self._memory_limit:
            raise StorageFull(where="the cache's disk, and the object is too large for memory")
        self._memory = bytearray(os.pread(self._file, self.size, 0))
        # The name goes, so the disk has its space back once the last reader has closed.
        self.path.unlink(missing_ok=True)

    def read(self, start: int, length: int) -> bytes:
        """At most ``length`` bytes from ``start`` on, of those that have arrived."""
        length = min(length, self.size - start)
        if self._memory is not None:
            return bytes(self._memory[start : start + length])
        return os.pread(self._file, length, start)

    def digest(self) -> bytes:
        """The SHA-256 of all bytes so far."""
        return self._digest.digest()

    def close(self) -> None:
        """Ends reading and writing; a discarded file's space is free from here on."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def discard(self) -> None:
        """Removes the file's name; those who read it may go on."""
        self.path.unlink(missing_ok=True)


def _write_all(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view = view[written:]
        offset += written

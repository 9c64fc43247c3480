"""An object's bytes while they arrive: written by fetches, read by many at the same time.

They are in a file, but for those of a small object, which stay in memory until it is placed: most
objects come in a moment, and need no file before. When the disk is full they go on in memory too,
so that those who wait get them all the same; such an object is not kept.
"""

import contextlib
import errno
import hashlib
import os

from common.errors import StorageFull
from edge.policy.coverage import Span, add_span, within
from edge.store.files import CHECKSUM, SLICE, checksum, held_of_slice, put_in_folder, slices
from edge.store.small import is_small, pack

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
MEMORY_LIMIT = 64 * 1024 * 1024
"""Bytes of one object that may be in memory while the disk is full."""
EARLY_LIMIT = 256 * 1024
"""Bytes up to which an object has no file until it is placed."""
_READ_AT_ONCE = 1024 * 1024


class Body:
    """Bytes that arrive.

    Calls may touch the disk: they belong in a thread, one write at a time, but for those that
    ``is_quick`` is about.
    """

    def __init__(
        self,
        path: str,
        *,
        held: tuple[Span, ...] | None = None,
        content: bytes = b"",
        digested: bool = False,
    ) -> None:
        """Begins a new file at ``path``, or with ``held`` goes on in the one that is there.

        Args:
            path: of the file.
            held: what is in it already.
            content: what has come already of a new object, at most ``EARLY_LIMIT`` bytes.
            digested: whether the SHA-256 will be asked for.
        """
        self.path = path
        self.grows = held is not None
        """Whether it goes on in the file of a stored object."""
        self.held: tuple[Span, ...] = held or ()
        self._early: bytes | bytearray | None = None
        """All bytes, while there is no file."""
        self._memory: bytearray | None = None
        """All bytes, since the disk is full."""
        self._digest = hashlib.sha256() if digested else None
        self._digested = 0
        self._file = -1
        if self.grows:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        elif content:
            self._early, self.held = content, ((0, len(content)),)
        else:
            self._early = bytearray()

    def is_quick(self, offset: int = 0, length: int = 0) -> bool:
        """Whether writing ``length`` bytes at ``offset``, or reading, keeps to memory."""
        if self._early is not None:
            return (offset == len(self._early) and offset + length <= EARLY_LIMIT) or not length
        return self._memory is not None

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
        if self._early is not None:
            if self.is_quick(offset, len(data)):
                self._early += data
                self._count(offset, data)
                return
            self._begin_file()
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
        self._count(offset, data)

    def _begin_file(self) -> None:
        """Puts what came so far into a file; or, where the disk is full, leaves it in memory."""
        early = self._early
        assert early is not None
        try:
            flags = os.O_RDWR | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL
            file = os.open(self.path, flags, 0o600)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._memory, self._early = bytearray(early), None
            return
        try:
            _write_all(file, early, 0)
        except OSError as error:
            os.close(file)
            _unlink(self.path)
            if error.errno not in FULL:
                raise
            self._memory, self._early = bytearray(early), None
            return
        # In this order: others may read meanwhile.
        self._file, self._early = file, None

    def _count(self, offset: int, data: bytes) -> None:
        if self._digest is not None and offset == self._digested:
            self._digest.update(data)
            self._digested += len(data)
        self.held = add_span(self.held, (offset, offset + len(data)))

    def _move_to_memory(self, size: int) -> None:
        if self.grows or size > MEMORY_LIMIT or self.held not in {(), ((0, size),)}:
            raise _no_space()
        self._memory = bytearray(os.pread(self._file, size, 0))
        # The name goes, so the disk has its space back once the last reader has closed.
        _unlink(self.path)

    def read(self, start: int, length: int) -> bytes:
        """At most ``length`` bytes from ``start`` on, of those that have arrived."""
        length = min(length, self.available(start) - start)
        memory = self._early if self._early is not None else self._memory
        if memory is not None:
            return bytes(memory[start : start + length])
        return os.pread(self._file, length, start)

    def whole_digest(self, size: int) -> bytes:
        """The SHA-256 of all ``size`` bytes, which are there."""
        if self._digest is not None and self._digested == size:
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

    def place(self, target: str, size: int, span: Span) -> None:
        """Puts a new object of ``size``, of which ``span`` came, where it belongs, checksums too.

        Raises:
            StorageFull: no space is left.
        """
        early = self._early
        if early is None:
            self.seal(size, span)
            put_in_folder(lambda: os.rename(self.path, target), target)
            return
        if size <= SLICE and self.held == ((0, size),):
            checksums = checksum(early)
        else:
            checksums = b"".join(
                checksum(
                    b"".join(early[start:stop] for start, stop in held_of_slice(self.held, number))
                )
                for number in slices(0, size)
            )
        flags = os.O_WRONLY | os.O_CLOEXEC | os.O_CREAT | os.O_TRUNC
        file = -1
        try:
            # Without a record it is nobody's: what a crash leaves of it is taken for an orphan.
            file = put_in_folder(lambda: os.open(target, flags, 0o600), target)
            if len(early) == size:
                # Most often in one call.
                written = os.writev(file, (early, checksums))
                if written < size + len(checksums):
                    _write_all(file, (early + checksums)[written:], written)
            else:
                _write_all(file, early, 0)
                _write_all(file, checksums, size)
        except OSError as error:
            _unlink(target)
            if error.errno not in FULL:
                raise
            raise _no_space() from error
        finally:
            if file >= 0:
                os.close(file)

    def packed(self, size: int) -> bytes | None:
        """All ``size`` bytes as the index keeps them; None when they are not for that."""
        early = self._early
        if early is None or not is_small(size) or len(early) != size:
            return None
        return pack(bytes(early))

    def close(self) -> None:
        """Ends reading and writing; a discarded file's space is free from here on."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def discard(self) -> None:
        """Removes the file's name; those who read it may go on."""
        if not self.grows:
            _unlink(self.path)


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _no_space() -> StorageFull:
    return StorageFull(where="the cache's disk, and the object is too large for memory")


def _write_all(file: int, data: bytes | bytearray, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view = view[written:]
        offset += written

"""Objects' bytes on disk: those of complete small ones in the index, all others in files.

All calls but ``writing`` touch the disk: they belong in a thread.
"""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path

import lmdb

from edge.policy.coverage import Span
from edge.policy.stored import Stored
from edge.store.body import Body
from edge.store.files import CHECKSUM, ObjectDamaged, ObjectFile, name_of, unlink_files
from edge.store.index import Index, Write, Written
from edge.store.small import is_small, pack


class ObjectBytes:
    """A small object, read from the index."""

    def __init__(self, stored: Stored, packed: bytes) -> None:
        """Takes what the index has of it.

        Raises:
            ObjectDamaged: that is not what was stored.
        """
        self._content = packed[:-CHECKSUM]
        if len(self._content) != stored.size or pack(self._content) != packed:
            raise ObjectDamaged(number=stored.number, reason="it has another checksum")

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` up to, without, ``stop``."""
        return self._content[start:stop]

    def close(self) -> None:
        """Does nothing: there is no file."""


class Objects:
    """All of them."""

    def __init__(self, folder: Path, index: Index) -> None:
        """Those in ``folder`` and in ``index``."""
        self._folder = folder
        self._index = index

    def open(self, stored: Stored) -> ObjectFile | ObjectBytes:
        """One of them, to be read.

        Raises:
            ObjectDamaged: it is not there, or not what was stored.
        """
        if stored.complete and is_small(stored.size):
            try:
                packed = self._index.small_object(stored.number)
            except lmdb.Error as error:
                raise ObjectDamaged(number=stored.number, reason=str(error)) from error
            if packed is not None:
                return ObjectBytes(stored, packed)
        return ObjectFile(self._folder, stored)

    def read_whole(self, stored: Stored) -> bytes:
        """All bytes of a complete one; raises as ``open``."""
        source = self.open(stored)
        try:
            return source.read(0, stored.size) if stored.size else b""
        finally:
            source.close()

    def writing(
        self, key: str, stored: Stored, body: Body, arrived: Span
    ) -> tuple[Write[Written], Callable[[], None] | None]:
        """How an object is written with its record: the index's part, and what comes before that.

        Args:
            key: what it is stored under.
            stored: it.
            body: its bytes.
            arrived: those of them that are new.
        """
        packed = body.packed(stored.size) if stored.complete else None
        if packed is not None and self._index.takes(len(packed)):
            return self._index.put(key, stored, packed), None
        place = functools.partial(self._place, stored, body, arrived)
        return self._index.put(key, stored), place

    def _place(self, stored: Stored, body: Body, arrived: Span) -> None:
        if body.grows:
            body.seal(stored.size, arrived)
        else:
            body.place(name_of(str(self._folder), stored.number), stored.size, arrived)

    def unlink(self, numbers: Iterable[int]) -> None:
        """Deletes the files of those that have one."""
        unlink_files(self._folder, numbers)

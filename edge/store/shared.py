"""What an edge's worker processes share without asking each other: counters in a mapped file."""

import mmap
import os
from pathlib import Path

_SWEPT_AT = 8
MOST_WORKERS = 256
_USES_AT = 4096
USES = 1 << 22
"""Counters of uses, one byte each; objects whose numbers are this far apart share one, which at
worst keeps an object a little longer."""
_CHANGES_AT = _USES_AT + USES
CHANGES = 1 << 16
"""Counters of changes; keys whose digests begin alike share one, which at worst has a process look
a key up once more."""
_VISITS_AT = _CHANGES_AT + CHANGES * 8
VISITS = 1 << 20
"""Marks of visits in the memory tier, one byte each, shared as the counters of uses are."""
_SIZE = _VISITS_AT + VISITS


class Shared:
    """The mapped file."""

    def __init__(self, path: Path | None) -> None:
        """Maps ``path``, or memory of this process alone.

        Args:
            path: a file that all processes name, and that is gone when the edge starts; None when
                there is but one process.
        """
        self._map = mmap.mmap(-1, _SIZE) if path is None else self._mapped(path)
        self._view = memoryview(self._map)
        self.uses = self._view[_USES_AT:_CHANGES_AT]
        """Whether objects were used lately, by number."""
        self.changes = self._view[_CHANGES_AT:_VISITS_AT].cast("Q")
        """How often what is stored under a key has changed, by ``slot_of`` its digest. Read it
        before the index: while it is the same, so is what the index says."""
        self.visits = self._view[_VISITS_AT:]
        """Whether objects in memory were read lately, by number."""
        self.swept = self._view[_SWEPT_AT : _SWEPT_AT + MOST_WORKERS * 8].cast("Q")
        """The number of the purge up to which each worker process has swept what is its own."""
        self.generation = self._view[:8].cast("Q")
        """Its one member changes whenever purges or pins do; only good for comparing."""

    @staticmethod
    def _mapped(path: Path) -> mmap.mmap:
        with path.open("a+b") as file:
            # With all its space at once: a mapped hole on a full disk would end the process.
            os.posix_fallocate(file.fileno(), 0, _SIZE)
            return mmap.mmap(file.fileno(), _SIZE)

    def changed(self) -> None:
        """Says that purges or pins are not what they were."""
        self.generation[0] += 1

    def key_changed(self, digest: bytes) -> None:
        """Says that what is stored under a key is not what it was, once the index has it."""
        slot = slot_of(digest)
        self.changes[slot] = (self.changes[slot] + 1) & 0xFFFF_FFFF_FFFF_FFFF

    def close(self) -> None:
        """Unmaps it."""
        for part in (
            self.uses,
            self.changes,
            self.visits,
            self.swept,
            self.generation,
            self._view,
        ):
            part.release()
        self._map.close()


def slot_of(digest: bytes) -> int:
    """Which counter of changes is about the key with that digest."""
    return digest[0] << 8 | digest[1]

"""What an edge's worker processes share without asking each other: counters in a mapped file."""

import mmap
import os
from pathlib import Path

_USES_AT = 4096
USES = 1 << 22
"""Counters of uses, one byte each; objects whose numbers are this far apart share one, which at
worst keeps an object a little longer."""


class Shared:
    """The mapped file."""

    def __init__(self, path: Path | None, *, fresh: bool) -> None:
        """Maps ``path``, or memory of this process alone.

        Args:
            path: a file that all processes name; None when there is but one process.
            fresh: begins all counters anew, which only the first process may.
        """
        if path is None:
            self._map = mmap.mmap(-1, _USES_AT + USES)
        else:
            self._map = self._mapped(path, fresh=fresh)
        self.uses = memoryview(self._map)[_USES_AT:]
        """Whether objects were used lately, by number."""

    @staticmethod
    def _mapped(path: Path, *, fresh: bool) -> mmap.mmap:
        if fresh:
            path.unlink(missing_ok=True)
        with path.open("a+b") as file:
            # With all its space at once: a mapped hole on a full disk would end the process.
            os.posix_fallocate(file.fileno(), 0, _USES_AT + USES)
            return mmap.mmap(file.fileno(), _USES_AT + USES)

    @property
    def generation(self) -> bytes:
        """Changes whenever purges or pins do; only good for comparing."""
        return self._map[:8]

    def changed(self) -> None:
        """Says that purges or pins are not what they were."""
        count = int.from_bytes(self._map[:8], "little") + 1
        self._map[:8] = count.to_bytes(8, "little")

    def close(self) -> None:
        """Unmaps it."""
        self.uses.release()
        self._map.close()

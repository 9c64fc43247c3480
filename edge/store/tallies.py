"""What an edge's worker processes count together for its limits: columns of a mapped file.

Each process counts connections in a column that is its own to write, and reads all of them, so
nobody waits for a lock. It holds its column by a lock on a file (flock(2)), which ends with it
however it ends; whoever starts next clears the columns that nobody holds.

Clients are found by their hashes, two places each, of which the one that says less is believed (a
count-min sketch). So a client is refused too early when others share both of its places, never too
late. A process that was killed counts until the next one starts, a moment later. Only two processes
that admit requests of one client within a microsecond may count them as one.
"""

import contextlib
import fcntl
import functools
import hashlib
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from common.errors import NearcastError

FILE = "tallies"
"""Name of the mapped file, in the folder that workers share."""
ROWS = 1 << 14
"""Places for counts of clients' connections."""
MOMENTS = 1 << 16
"""Places for what is known of clients' rates."""
_SECRET = 16
"""Bytes of the key of hashes, so that nobody can choose whom to share places with."""
_HEAD = 4096
REMEMBERED = 1 << 14
"""Clients whose places a process remembers."""


class ColumnsTaken(NearcastError):
    """{processes} processes of this edge run already."""


class Tallies:
    """The mapped file, as one worker process writes it."""

    def __init__(self, folder: Path, workers: int) -> None:
        """Maps the file in ``folder`` and takes a column. Calls touch the disk: not for the loop.

        Args:
            folder: what all processes name, empty when the edge starts.
            workers: how many there are; while they are replaced, twice as many.

        Raises:
            ColumnsTaken: more run.
        """
        columns = self._columns = 2 * workers
        totals_at = _HEAD + MOMENTS * 8
        counts_at = totals_at + columns * 4
        size = counts_at + ROWS * columns * 4
        with (folder / FILE).open("a+b") as file, _locked(file.fileno()):
            # With all its space at once: a mapped hole on a full disk would end the process.
            os.posix_fallocate(file.fileno(), 0, size)
            view = memoryview(mmap.mmap(file.fileno(), size))
            self.moments = view[_HEAD:totals_at].cast("q")
            """When clients may make a whole burst again."""
            self._totals = view[totals_at:counts_at].cast("I")
            self._rows = view[counts_at:].cast("I")
            self._held: int | None
            self._column, self._held = self._take(folder)
            if not any(view[:_SECRET]):
                view[:_SECRET] = os.urandom(_SECRET)
        secret = bytes(view[:_SECRET])
        self.places = functools.lru_cache(REMEMBERED)(functools.partial(_places, secret))
        """The two hashes of a client."""

    def _take(self, folder: Path) -> tuple[int, int]:
        """A column that nobody holds, and the file that it is held by; clears the others."""
        free = list(_free(folder, self._columns))
        if not free:
            raise ColumnsTaken(processes=self._columns)
        for column, _ in free:
            self._clear(column)
        for _, file in free[1:]:
            os.close(file)
        return free[0]

    def _clear(self, column: int) -> None:
        self._totals[column] = 0
        self._rows[column :: self._columns] = memoryview(bytes(ROWS * 4)).cast("I")

    def all(self) -> int:
        """How many connections the edge has."""
        return sum(self._totals)

    def of(self, client: str) -> int:
        """How many of them are ``client``'s."""
        columns, rows = self._columns, self._rows
        starts = (place % ROWS * columns for place in self.places(client))
        return min(sum(rows[start : start + columns]) for start in starts)

    def add(self, client: str, change: int) -> None:
        """Counts connections of ``client`` that came to this process, or went."""
        if self._held is None:
            return
        self._totals[self._column] += change
        for row in {place % ROWS for place in self.places(client)}:
            self._rows[row * self._columns + self._column] += change

    def close(self) -> None:
        """Gives the column up; nothing is counted any more."""
        held, self._held = self._held, None
        if held is not None:
            self._clear(self._column)
            os.close(held)


class SharedMoments:
    """When clients may make a whole burst again, whichever process they asked."""

    def __init__(self, tallies: Tallies) -> None:
        self._moments = tallies.moments
        self._places = tallies.places

    def get(self, client: str) -> int:
        """That moment."""
        first, second = self._places(client)
        return min(self._moments[first % MOMENTS], self._moments[second % MOMENTS])

    def put(self, client: str, moment: int) -> None:
        """Notes it; who shares a place keeps a later moment."""
        moments = self._moments
        for place in self._places(client):
            at = place % MOMENTS
            moments[at] = max(moments[at], moment)

    def take_back(self, client: str, noted: int, before: int) -> None:
        """Notes ``before`` instead; a later moment is that of somebody who shares the place."""
        for place in self._places(client):
            at = place % MOMENTS
            if self._moments[at] == noted:
                self._moments[at] = before


@contextlib.contextmanager
def _locked(file: int) -> Iterator[None]:
    """Keeps others from looking for columns meanwhile."""
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        # Closing would not do: a mapping has a duplicate of the file descriptor.
        fcntl.flock(file, fcntl.LOCK_UN)


def _places(secret: bytes, client: str) -> tuple[int, int]:
    digest = hashlib.blake2b(client.encode(), key=secret, digest_size=8).digest()
    return int.from_bytes(digest[:4]), int.from_bytes(digest[4:])


def _free(folder: Path, columns: int) -> Iterator[tuple[int, int]]:
    """The columns that nobody holds; this process holds them by the files that come with them."""
    for column in range(columns):
        file = os.open(folder / f"{FILE}.{column}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            continue
        yield column, file

"""The hottest objects, whole, in memory that all worker processes share: one copy for all.

Each is a file on a file system in memory. A worker puts the file into its own folder, which is what
its part of the budget counts, and links it where all find it. What is unlinked stays readable to
those who have it open, so no reader is ever told and none ever waits.
"""

import contextlib
import errno
import mmap
import os
import shutil
from collections import OrderedDict, deque
from pathlib import Path

from common import logs

MOST_OPEN = 4096
"""Objects that a process keeps open."""
LARGEST_SHARE = 8
"""An object may take one part in this of the budget."""
LOOKED_AT = 512
"""Open objects that are looked at whenever the tier is tidied."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.ENOMEM}
_PAGE = mmap.PAGESIZE
_INODE = 1024
"""Bytes that a file takes besides its pages, about."""

_log = logs.get(__name__)


class Resident:
    """An object in memory: there for as long as somebody has this, whatever is evicted."""

    __slots__ = ("_view", "file", "size")

    def __init__(self, path: Path, size: int) -> None:
        """Opens it.

        Raises:
            OSError: it is not there.
        """
        self.file = -1
        self.file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        """A file descriptor."""
        self.size = size
        self._view: memoryview | None = None

    @property
    def view(self) -> memoryview:
        """Its bytes, mapped."""
        if self._view is None:
            mapped = mmap.mmap(self.file, self.size, prot=mmap.PROT_READ)
            self._view = memoryview(mapped)
        return self._view

    def read(self) -> bytes:
        """A copy of its bytes."""
        return os.pread(self.file, self.size, 0)

    @property
    def evicted(self) -> bool:
        """Whether only those who have it open can still read it."""
        return os.fstat(self.file).st_nlink == 0

    def __del__(self) -> None:
        if self.file >= 0:
            os.close(self.file)


class MemoryTier:
    """Objects' bytes by number, within a budget.

    What has not been read since it last came to its turn goes first (CLOCK: Corbató, "A paging
    experiment with the Multics system", 1968).
    """

    def __init__(self, folder: Path, budget: int, visits: memoryview, *, worker: int = 0) -> None:
        """Begins with nothing of its own.

        Args:
            folder: on a file system in memory.
            budget: bytes that this process may put there; an object of more than an eighth of it
                is not kept.
            visits: marks of visits, shared by all processes; as many as a power of two.
            worker: which process this is.
        """
        self.budget = budget
        self.used = 0
        """Bytes of what this process has put there."""
        self._all = folder / "all"
        self._own = folder / str(worker)
        self._visits = visits
        self._mask = len(visits) - 1
        self._sizes: dict[int, int] = {}
        self._placing: set[int] = set()
        """What is being written here: evicting it would free nothing yet."""
        self._turns: deque[int] = deque()
        self._open: OrderedDict[int, Resident] = OrderedDict()
        self._all.mkdir(parents=True, exist_ok=True)
        self._forget_former()

    def _forget_former(self) -> None:
        """Gives up what a process of the same number has left."""
        if self._own.is_dir():
            for file in self._own.iterdir():
                with contextlib.suppress(OSError):
                    if (self._all / file.name).samefile(file):
                        (self._all / file.name).unlink()
            shutil.rmtree(self._own, ignore_errors=True)
        self._own.mkdir(exist_ok=True)

    def __len__(self) -> int:
        return len(self._sizes)

    def __contains__(self, number: int) -> bool:
        """Whether this process has put object ``number`` here, or is about to."""
        return number in self._sizes

    def get(self, number: int, size: int) -> Resident | None:
        """Object ``number`` of ``size`` bytes, if some process has put it here.

        It may be called on the event loop: nothing here waits for a disk.
        """
        self._visits[number & self._mask] = 1
        found = self._open.get(number)
        if found is not None:
            self._open.move_to_end(number)
            return found
        try:
            found = Resident(self._all / f"{number:x}", size)
        except OSError:
            return None
        self._open[number] = found
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
        return found

    def note_visit(self, number: int) -> None:
        """Says that object ``number`` is being read."""
        self._visits[number & self._mask] = 1

    def fits(self, size: int) -> bool:
        """Whether an object of ``size`` bytes would be kept."""
        return 0 < _taken(size) * LARGEST_SHARE <= self.budget

    def reserve(self, number: int, size: int) -> bool:
        """Makes room for object ``number``, which fits; whether that is to be put here now.

        Then ``put`` follows, and ``placed``.
        """
        if number in self._sizes:
            return False
        self._sizes[number] = size
        self.used += _taken(size)
        self._placing.add(number)
        self._visits[number & self._mask] = 0
        self._evict()
        if self.used > self.budget:
            self.placed(number)
            self.release(number)
            return False
        self._turns.append(number)
        return True

    def placed(self, number: int) -> None:
        """Says that ``put`` is over."""
        self._placing.discard(number)

    def _evict(self) -> None:
        for _ in range(2 * len(self._turns)):
            if self.used <= self.budget or not self._turns:
                break
            number = self._turns.popleft()
            if number not in self._sizes:
                continue
            if number in self._placing or self._visits[number & self._mask]:
                self._visits[number & self._mask] = 0
                self._turns.append(number)
                continue
            self.remove(number)

    def put(self, number: int, data: bytes) -> bool:
        """Puts object ``number`` here, for which room is reserved. Belongs in a thread.

        Returns:
            Whether it was not here yet: another process may have put it here meanwhile.

        Raises:
            OSError: the file system takes no more.
        """
        path = self._own / f"{number:x}"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            # With all its space at once: a mapped hole in full memory would end the process.
            os.posix_fallocate(file, 0, len(data))
            written = 0
            while written < len(data):
                written += os.write(file, memoryview(data)[written:])
        except OSError:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)
        try:
            os.link(path, self._all / path.name)
        except FileExistsError:
            return False
        return True

    def release(self, number: int) -> None:
        """Gives up what this process has put here as object ``number``."""
        size = self._sizes.pop(number, None)
        if size is not None:
            self.used -= _taken(size)
        with contextlib.suppress(OSError):
            (self._own / f"{number:x}").unlink()

    def failed(self, number: int, error: OSError) -> None:
        """Learns that object ``number`` could not be put here.

        If it found no space, there is less than the budget says. Otherwise a new process of the
        same number has taken the folder away, as this one is about to leave.
        """
        self.release(number)
        if error.errno not in FULL:
            return
        _log.warning(
            "less memory than the budget says; going on with less",
            budget=self.budget,
            used=self.used,
            reason=str(error),
        )
        self.budget = self.used

    def remove(self, number: int) -> None:
        """Forgets object ``number``, whichever process has put it here."""
        self._open.pop(number, None)
        with contextlib.suppress(OSError):
            (self._all / f"{number:x}").unlink()
        self.release(number)

    def tidy(self) -> None:
        """Lets go of what others have evicted; looks at some of what is open, in turn."""
        for number in list(self._open)[:LOOKED_AT]:
            if self._open[number].evicted:
                del self._open[number]
            else:
                self._open.move_to_end(number)


def _taken(size: int) -> int:
    """Bytes of memory that an object of ``size`` bytes takes."""
    return -(-size // _PAGE) * _PAGE + _INODE

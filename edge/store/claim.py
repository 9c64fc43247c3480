"""One edge per cache folder, and where its processes keep what only matters while they run."""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

from common.errors import NearcastError

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made in it is checked to be one's own
PATIENCE = 5.0
"""Seconds that the processes of an edge that was killed get to leave."""

TICKETS = "tickets"
"""File of the secret of TLS session tickets, in the folder that workers share."""


class CacheInUse(NearcastError):
    """The cache folder {folder} is in use by another edge: stop that one, or name another."""


class RuntimeForeign(NearcastError):
    """{folder} is not this user's own folder: remove it."""


class Claim:
    """The right to a cache folder, held until ``release`` or the end of the process.

    It goes with its file descriptor (flock(2)): processes that inherit that hold it too.
    """

    def __init__(self, folder: Path) -> None:
        """Claims ``folder``. Calls touch the disk: they belong in a thread.

        Raises:
            CacheInUse: another edge has it, and keeps it.
        """
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        """The file descriptor that holds it."""
        deadline = time.monotonic() + PATIENCE
        while not self._locked():
            if time.monotonic() > deadline:
                os.close(self.file)
                raise CacheInUse(folder=folder)
            time.sleep(0.05)
        self._runtime: Path | None = None

    def _locked(self) -> bool:
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def runtime(self) -> Path:
        """A folder of this edge's own, empty, in memory where the system has such.

        Raises:
            RuntimeForeign: somebody else's is where it should be.
        """
        self._runtime = _runtime_of(self._folder)
        # What TLS session tickets are sealed with: those of one worker are good for the others.
        (self._runtime / TICKETS).write_bytes(os.urandom(32))
        return self._runtime

    def release(self) -> None:
        """Gives the folder up."""
        if self._runtime is not None:
            shutil.rmtree(self._runtime, ignore_errors=True)
        os.close(self.file)


def runtime_path(folder: Path) -> Path:
    """Where the edge whose cache is ``folder`` keeps what only matters while it runs.

    The same for each start, so that what kill -9 leaves is taken away, and short, since the paths
    of Unix sockets are (unix(7): 108 bytes).
    """
    name = hashlib.blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()
    parent = SHARED_MEMORY if SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir())
    return parent / f"nearcast-{os.geteuid()}-{name}"


def _runtime_of(folder: Path) -> Path:
    """That folder, made anew."""
    runtime = runtime_path(folder)
    shutil.rmtree(runtime, ignore_errors=True)
    runtime.mkdir(mode=0o700, exist_ok=True)
    found = runtime.lstat()
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise RuntimeForeign(folder=runtime)
    return runtime

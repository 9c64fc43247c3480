"""One edge per cache folder, and where its processes keep what only matters while they run."""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from common.errors import NearcastError

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - what is made in it is checked to be one's own


class CacheInUse(NearcastError):
    """The cache folder {folder} is in use by another edge: stop that one, or name another."""


class RuntimeForeign(NearcastError):
    """{folder} is not this user's own folder: remove it."""


class Claim:
    """The right to a cache folder, held until ``release`` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        """Claims ``folder``. Calls touch the disk: they belong in a thread.

        Raises:
            CacheInUse: another process has it.
        """
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise CacheInUse(folder=folder) from error
        self._runtime: Path | None = None

    def runtime(self) -> Path:
        """A folder of this edge's own, empty, in memory where the system has such.

        Raises:
            RuntimeForeign: somebody else's is where it should be.
        """
        self._runtime = _runtime_of(self._folder)
        return self._runtime

    def release(self) -> None:
        """Gives the folder up."""
        if self._runtime is not None:
            shutil.rmtree(self._runtime, ignore_errors=True)
        os.close(self._file)


def _runtime_of(folder: Path) -> Path:
    """A new folder; the same for each start, so that what kill -9 leaves is taken away.

    Its path is short, since those of Unix sockets are (unix(7): 108 bytes).
    """
    name = hashlib.blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()
    parent = SHARED_MEMORY if SHARED_MEMORY.is_dir() else Path(tempfile.gettempdir())
    runtime = parent / f"nearcast-{os.geteuid()}-{name}"
    shutil.rmtree(runtime, ignore_errors=True)
    runtime.mkdir(mode=0o700, exist_ok=True)
    found = runtime.lstat()
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise RuntimeForeign(folder=runtime)
    return runtime

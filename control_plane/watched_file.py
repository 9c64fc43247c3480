"""A file that is taken anew when it changes, once it is found good: what it said before stays
until then."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from common import logs
from common.errors import NearcastError

LOOK_EVERY: Final = 5.0
"""Seconds between looks at files."""

_Stamp = tuple[int, int, int]
"""What is another once a file is: its number and size, and when anything of it changed."""
_MISSING: Final = (0, 0, 0)

_log = logs.get(__name__)

T = TypeVar("T")


class FileChanging(NearcastError):
    """The file {file} changed while it was read."""

    status = 503


class WatchedFile(Generic[T]):
    """What a file says. All but ``value`` and ``trouble`` is for the thread that looks."""

    def __init__(self, path: Path, read: Callable[[Path], T]) -> None:
        """Reads it; to be called in a thread.

        Args:
            path: the file.
            read: what reads and checks it; raises a NearcastError where it is missing or no good.

        Raises:
            FileChanging: somebody writes to it.
            NearcastError: what ``read`` raises.
        """
        self._path = path
        self._read = read
        self.trouble: str | None = None
        """Why the file is not what is in use; None when it is."""
        self._used, self.value = self._taken(self._stamp())
        self._refused: _Stamp | None = None

    def look(self) -> bool:
        """Takes the file where it has changed; whether it did."""
        stamp = self._stamp()
        if stamp == self._used:
            self._refused = self.trouble = None
            return False
        if stamp == self._refused:
            return False
        self._refused = stamp
        try:
            self._used, self.value = self._taken(stamp)
        except NearcastError as error:
            if str(error) != self.trouble:
                _log.warning("going on with a file as it was", reason=str(error))
            self.trouble = str(error)
            return False
        _log.info("a file was taken anew", file=str(self._path))
        self._refused = self.trouble = None
        return True

    def _taken(self, stamp: _Stamp) -> tuple[_Stamp, T]:
        value = self._read(self._path)
        if self._stamp() != stamp:
            raise FileChanging(file=self._path)
        return stamp, value

    def _stamp(self) -> _Stamp:
        try:
            told = self._path.stat()
        except OSError:
            # Reading it tells why.
            return _MISSING
        return told.st_ino, told.st_size, told.st_ctime_ns


async def keep_looking(files: Sequence[WatchedFile[Any]], changed: Callable[[], None]) -> None:
    """Looks at ``files``, for ever; ``changed`` is called when one was taken anew."""
    while files:
        await asyncio.sleep(LOOK_EVERY)
        await look_at(files, changed)


async def look_at(files: Sequence[WatchedFile[Any]], changed: Callable[[], None]) -> None:
    """Takes what has changed of ``files``, and tells ``changed``."""
    try:
        taken = await asyncio.to_thread(lambda: [file.look() for file in files])
    except Exception:
        # Whatever it was, it must not be the end of looking.
        _log.exception("files could not be looked at")
        return
    if any(taken):
        changed()


def troubles(files: Sequence[WatchedFile[Any]]) -> str:
    """Which of ``files`` are not what is in use, for people; empty when all are."""
    return " ".join(file.trouble for file in files if file.trouble is not None)

"""The access log: noted on the event loop, written by a thread, rotated by size.

Several worker processes may write the same file: each flush is one append of whole lines.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from common import logs
from edge.policy.access_line import AccessRecord, combined_line, json_line

FLUSH_EVERY = 1.0
"""Seconds: what a kill -9 may cost."""
FLUSH_AT = 1000
"""Records that wait until they are written at once."""
MOST_WAITING = 100_000
"""Records that wait for a slow or full disk; further ones are dropped, and counted."""

_log = logs.get(__name__)


class AccessLog:
    """A file of lines."""

    def __init__(
        self, path: Path, line_format: Literal["json", "combined"], *, rotate_at: int, keep: int
    ) -> None:
        """Writes to ``path``.

        Args:
            path: the file.
            line_format: of its lines.
            rotate_at: bytes at which it is renamed to end in ``.1``, and ``.1`` to ``.2``.
            keep: how many of those are kept.
        """
        self._path = path
        self._render: Callable[[AccessRecord], bytes] = (
            json_line if line_format == "json" else combined_line
        )
        self._rotate_at = rotate_at
        self._keep = keep
        self._waiting: list[AccessRecord] = []
        self._wake = asyncio.Event()
        self._file = -1
        self._failing = False
        self._torn = True
        """Whether the file may end in the middle of a line."""
        self.dropped = 0
        """Records that were not written."""

    def note(self, record: AccessRecord) -> None:
        """Takes a record; it is written soon."""
        if len(self._waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        self._waiting.append(record)
        if len(self._waiting) == FLUSH_AT:
            self._wake.set()

    async def run(self) -> None:
        """Writes for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_EVERY):
                    await self._wake.wait()
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Writes what waits."""
        records, self._waiting = self._waiting, []
        if not records:
            return
        try:
            await asyncio.to_thread(self._write, records)
        except OSError as error:
            self.dropped += len(records)
            if not self._failing:
                _log.warning("access log cannot be written, serving on", reason=str(error))
            self._failing = True
        else:
            if self._failing:
                _log.info("access log is written again", dropped=self.dropped)
            self._failing = False

    def _write(self, records: list[AccessRecord]) -> None:
        lines = b"".join(map(self._render, records))
        self._open()
        if self._torn and self._ends_torn():
            lines = b"\n" + lines
        written = os.write(self._file, lines)
        self._torn = written < len(lines)
        if self._torn:
            raise OSError("the disk took only a part")
        if os.fstat(self._file).st_size >= self._rotate_at:
            self._rotate()

    def _open(self) -> None:
        """Opens the file, anew when it was moved away."""
        if self._file >= 0:
            with contextlib.suppress(FileNotFoundError):
                if os.stat(self._path).st_ino == os.fstat(self._file).st_ino:
                    return
            self._close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o640)
        self._torn = True

    def _ends_torn(self) -> bool:
        size = os.fstat(self._file).st_size
        return size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def _rotate(self) -> None:
        """Renames the files, unless another process has done so while this one waited."""
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.stat(self._path).st_ino == os.fstat(self._file).st_ino:
                for number in range(self._keep, 1, -1):
                    with contextlib.suppress(FileNotFoundError):
                        os.replace(f"{self._path}.{number - 1}", f"{self._path}.{number}")
                os.replace(self._path, f"{self._path}.1")
        finally:
            os.close(lock)
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    async def close(self) -> None:
        """Writes what waits, and closes the file."""
        await self.flush()
        await asyncio.to_thread(self._close)

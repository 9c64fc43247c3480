"""The access log: lines are made on the event loop, written by a thread, and rotated by size.

Several worker processes may write the same file: each appends whole lines at once, under a lock.
"""

import asyncio
import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from common import logs
from edge.policy.access_line import AccessRecord, CombinedLines, JsonLines, LineFormat, render

FLUSH_EVERY = 1.0
"""Seconds: what a kill -9 may cost."""
FLUSH_AT = 1000
"""Lines that wait until they are written before their second is over; also, how many are
appended at once."""
MOST_WAITING = 100_000
"""Lines that wait for a slow or full disk; further ones are dropped, and counted."""

_log = logs.get(__name__)


class AccessLog:
    """A file of lines."""

    def __init__(
        self, path: Path, line_format: Literal["json", "combined"], *, rotate_at: int, keep: int
    ) -> None:
        """Writes to ``path``.

        Args:
            path: the file; a file beside it, whose name ends in ``.lock``, is the lock.
            line_format: of its lines.
            rotate_at: bytes at which it is renamed to end in ``.1``, and ``.1`` to ``.2``.
            keep: how many of those are kept.
        """
        self._path = path
        self.lines: LineFormat = JsonLines() if line_format == "json" else CombinedLines()
        """How they are written."""
        self._rotate_at = rotate_at
        self._keep = keep
        # Only appended to on the event loop and only cut at its start in the thread, each in one
        # operation of a list, which needs no lock.
        self._waiting: list[str] = []
        self._wake = asyncio.Event()
        self._writing = threading.Lock()
        self._file = -1
        self._failing = False
        self.dropped = 0
        """Lines that will never be written."""

    def note(self, record: AccessRecord) -> None:
        """Takes a record; it is written soon."""
        self.note_line(render(self.lines, record))

    def note_line(self, line: str) -> None:
        """Takes a line that ``lines`` has made; it is written soon."""
        waiting = self._waiting
        if len(waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        waiting.append(line)
        if len(waiting) == FLUSH_AT:
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
        """Writes what waits; what the disk does not take goes on waiting."""
        if self._waiting:
            await asyncio.to_thread(self._write_waiting)

    async def close(self) -> None:
        """Writes what waits, for the last time, and closes the file."""
        # Also when nothing waits: a flush that was cancelled leaves its thread behind, which may
        # still write.
        await asyncio.to_thread(self._write_waiting)
        self.dropped += len(self._waiting)
        self._waiting.clear()
        await asyncio.to_thread(self._close)

    def _write_waiting(self) -> None:
        with self._writing:
            if not self._waiting:
                return
            try:
                while self._waiting:
                    lines = "".join(self._waiting[:FLUSH_AT]).encode("ascii")
                    with self._alone():
                        self._append(lines)
            except OSError as error:
                if not self._failing:
                    _log.warning(
                        "access log cannot be written, serving on",
                        file=str(self._path),
                        reason=str(error),
                    )
                self._failing = True
            else:
                if self._failing:
                    _log.info(
                        "access log is written again", file=str(self._path), dropped=self.dropped
                    )
                self._failing = False

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """While no other process writes or rotates."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _append(self, lines: bytes) -> None:
        """Writes ``lines``, and forgets the records of those that are written whole."""
        self._open()
        size = os.fstat(self._file).st_size
        if size > 0 and os.pread(self._file, 1, size - 1) != b"\n":
            # A process was killed while it wrote.
            size += os.write(self._file, b"\n")
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._file, lines[written:])
        finally:
            whole = lines.rfind(b"\n", 0, written) + 1
            del self._waiting[: lines.count(b"\n", 0, whole)]
            if written > whole:
                os.ftruncate(self._file, size + whole)
        if size + written >= self._rotate_at:
            self._rotate()

    def _open(self) -> None:
        """Opens the file, anew when it was moved away."""
        if self._file >= 0:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(self._path.stat(), os.fstat(self._file)):
                    return
            self._close()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o640)

    def _rotate(self) -> None:
        for number in range(self._keep, 1, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self._path}.{number - 1}", f"{self._path}.{number}")
        os.replace(self._path, f"{self._path}.1")
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

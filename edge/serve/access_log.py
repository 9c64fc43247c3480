"""The access log: lines are made on the event loop, written by a thread, and rotated by size.

Several worker processes may write the same file: each appends whole lines at once, under a lock.
The thread takes turns with the event loop on the same core, so it does little at a time, and makes
few calls that let go of the interpreter.
"""

import asyncio
import concurrent.futures
import contextlib
import fcntl
import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from common import logs
from edge.policy.access_line import AccessRecord, CombinedLines, JsonLines, LineFormat, render

FLUSH_EVERY = 1.0
"""Seconds: what a kill -9 may cost."""
FLUSH_AT = 256
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
        self._turns: queue.SimpleQueue[bool] = queue.SimpleQueue()
        """Whether the thread is to go on, each time that there is something to do."""
        self._writing = threading.Lock()
        self._file = self._lock = -1
        self._end = 0
        """Where the last line that this process has written ends."""
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
        if len(waiting) % FLUSH_AT == 0:
            self._turns.put(True)

    async def run(self) -> None:
        """Writes for ever; raises what ends the writing."""
        writing: concurrent.futures.Future[None] = concurrent.futures.Future()
        writing.set_running_or_notify_cancel()

        def work() -> None:
            try:
                self._write_on()
            except Exception as error:  # whoever runs this is told, whatever it was
                writing.set_exception(error)

        threading.Thread(target=work, name="access log").start()
        try:
            await asyncio.wrap_future(writing)
        finally:
            self._turns.put(False)

    def _write_on(self) -> None:
        goes_on = True
        while goes_on:
            with contextlib.suppress(queue.Empty):
                goes_on = self._turns.get(timeout=FLUSH_EVERY)
            self._write_waiting()

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
        """Writes what waits now.

        Not what comes meanwhile: under load a line comes with each call that lets go of the
        interpreter, and each would be written by itself, for ever.
        """
        with self._writing:
            left = len(self._waiting)
            if not left:
                return
            try:
                while left > 0:
                    lines = self._waiting[: min(left, FLUSH_AT)]
                    with self._alone():
                        self._append("".join(lines).encode("ascii"), len(lines))
                    left -= len(lines)
            except OSError as error:
                # The folder may have gone too: both files are opened anew.
                self._close()
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
        if self._lock < 0:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _append(self, lines: bytes, count: int) -> None:
        """Writes ``count`` lines, and forgets those of them that are written whole."""
        size = self._open()
        if size not in {0, self._end} and os.pread(self._file, 1, size - 1) != b"\n":
            # A process was killed while it wrote.
            size += os.write(self._file, b"\n")
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._file, lines[written:] if written else lines)
        finally:
            whole = len(lines) if written == len(lines) else lines.rfind(b"\n", 0, written) + 1
            del self._waiting[: count if whole == len(lines) else lines.count(b"\n", 0, whole)]
            if written > whole:
                os.ftruncate(self._file, size + whole)
            self._end = size + whole
        if self._end >= self._rotate_at:
            self._rotate()

    def _open(self) -> int:
        """Opens the file, anew when it was moved away; its size."""
        if self._file >= 0:
            found = os.fstat(self._file)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(self._path), found):
                    return found.st_size
            os.close(self._file)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file, self._end = -1, 0
        self._file = os.open(self._path, flags, 0o640)
        return os.fstat(self._file).st_size

    def _rotate(self) -> None:
        for number in range(self._keep, 1, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self._path}.{number - 1}", f"{self._path}.{number}")
        os.replace(self._path, f"{self._path}.1")

    def _close(self) -> None:
        for file in (self._file, self._lock):
            if file >= 0:
                os.close(file)
        self._file = self._lock = -1

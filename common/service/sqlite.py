"""One SQLite file behind asyncio: opened, asked, and its errors told as ours.

A thread of its own has the connection. Every write is one statement, atomic without a transaction
that a cancelled task could leave open; those that wait while another is being synced to the disk
share the next sync (group commit).
"""

import asyncio
import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from common.errors import StorageFull, Unavailable

T = TypeVar("T")

Values = tuple[Any, ...] | dict[str, Any]
"""What a statement has in place of its question marks or names."""

LOCK_WITHIN = 5.0
"""Seconds to wait for another process that writes to the same file."""

LOOKED_EVERY = 10_000
"""Instructions of SQLite's machine, a millisecond or less, between looks whether it is too late."""


@dataclass
class _Write:
    """A write that somebody waits for."""

    statement: str
    values: Values
    outcome: int | Exception = 0
    """How many rows it changed, or why it did not."""


class SqliteFile:
    """A SQLite database in a file, with a write-ahead log."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._waiting: deque[_Write] = deque()

    @classmethod
    async def open(
        cls, path: Path, schema: str, *, synchronous: Literal["NORMAL", "FULL"]
    ) -> "SqliteFile":
        """The database in the file ``path``, made when it is missing.

        Args:
            path: the file.
            schema: statements that make its tables unless they are there.
            synchronous: ``FULL`` syncs every write to the disk; with ``NORMAL`` the last writes may
                be lost with the machine's power, but not with the process.

        Raises:
            Unavailable: the file cannot be opened or is no SQLite database.
        """
        try:
            connection = await asyncio.to_thread(_connect, path, schema, synchronous)
        except (OSError, sqlite3.Error) as error:
            raise _translated(path, error) from error
        return cls(connection, path)

    @classmethod
    async def open_both(cls, path: Path, schema: str) -> "tuple[SqliteFile, SqliteFile]":
        """The same file twice: for what may be lost with the machine's power, as it is told again
        soon, and for what was answered and must outlive it.

        Raises:
            Unavailable: the file cannot be opened or is no SQLite database.
        """
        durable = await cls.open(path, schema, synchronous="FULL")
        try:
            return await cls.open(path, schema, synchronous="NORMAL"), durable
        except BaseException:
            await durable.close()
            raise

    async def write(self, statement: str, values: Values = ()) -> int:
        """Runs a statement that changes rows; how many it changed.

        Raises:
            Unavailable: the database does not answer.
            StorageFull: no space is left.
        """
        write = _Write(statement, values)
        self._waiting.append(write)
        # Whoever is cancelled meanwhile leaves a write that is done all the same, and soon.
        await asyncio.shield(self._run(self._write_waiting))
        match write.outcome:
            case sqlite3.Error() | ValueError() as error:
                raise _translated(self._path, error) from error
            case Exception() as error:
                raise error
            case changed:
                return changed

    async def read(
        self, statement: str, values: Values = (), *, within: float | None = None
    ) -> list[Any]:
        """The rows that a statement answers with; it is ended when it runs for more than ``within``
        seconds.

        All of them are fetched before anything else runs on the connection: a statement that is
        still being read would keep the next ones from seeing, and making, changes.

        Raises:
            Unavailable: the database does not answer.
        """
        try:
            return await self._run(lambda: self._fetched(statement, values, within))
        except sqlite3.Error as error:
            if within is not None and error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                reason = f"it was asked for what takes it more than {within:g} s"
                raise Unavailable(what=_named(self._path), reason=reason) from error
            raise _translated(self._path, error) from error

    def _fetched(self, statement: str, values: Values, within: float | None) -> list[Any]:
        if within is None:
            return self._connection.execute(statement, values).fetchall()
        until = time.monotonic() + within
        self._connection.set_progress_handler(lambda: time.monotonic() > until, LOOKED_EVERY)
        try:
            return self._connection.execute(statement, values).fetchall()
        finally:
            self._connection.set_progress_handler(None, 0)

    async def close(self) -> None:
        """Closes it; does nothing when it is closed."""
        with contextlib.suppress(Unavailable):
            await self._run(self._connection.close)
        self._thread.shutdown(wait=False)

    def _run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        try:
            return asyncio.get_running_loop().run_in_executor(self._thread, work)
        except RuntimeError as error:
            raise Unavailable(what=_named(self._path), reason="it was closed") from error

    def _write_waiting(self) -> None:
        """Runs all writes that wait now, also those of later calls, which then find none."""
        writes = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            if len(writes) > 1:
                self._connection.execute("BEGIN IMMEDIATE")
            for write in writes:
                self._write_one(write)
            if len(writes) > 1:
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            for write in writes:
                write.outcome = error
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _write_one(self, write: _Write) -> None:
        together = self._connection.in_transaction
        try:
            write.outcome = self._connection.execute(write.statement, write.values).rowcount
        except Exception as error:
            # Of most errors only the statement is undone; of some, such as a full disk, all is.
            if together and not self._connection.in_transaction:
                raise
            write.outcome = error


def _connect(path: Path, schema: str, synchronous: str) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        path, timeout=LOCK_WITHIN, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.executescript(schema)
    except BaseException:
        connection.close()
        raise
    return connection


def _named(path: Path) -> str:
    return f"the database {path.name}"


def _translated(path: Path, error: Exception) -> Unavailable | StorageFull:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return StorageFull(where=_named(path))
    return Unavailable(what=_named(path), reason=str(error))

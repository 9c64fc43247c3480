"""One SQLite file behind asyncio: opened, asked, and its errors told as ours.

Every write is one statement: atomic without a transaction that a cancelled task could leave open.
"""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, Literal

import aiosqlite

from common.errors import StorageFull, Unavailable

LOCK_WITHIN = 5.0
"""Seconds to wait for another process that writes to the same file."""


class SqliteFile:
    """A SQLite database in a file, with a write-ahead log."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

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
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            connection = await aiosqlite.connect(path, timeout=LOCK_WITHIN, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise _translated(path, error) from error
        try:
            await connection.execute("PRAGMA journal_mode = WAL")
            await connection.execute(f"PRAGMA synchronous = {synchronous}")
            await connection.executescript(schema)
        except BaseException as error:
            await connection.close()
            if isinstance(error, sqlite3.Error):
                raise _translated(path, error) from error
            raise
        return cls(connection, path)

    async def write(self, statement: str, values: tuple[Any, ...] = ()) -> int:
        """Runs a statement that changes rows; how many it changed.

        Raises:
            Unavailable: the database does not answer.
            StorageFull: no space is left.
        """
        try:
            async with self._connection.execute(statement, values) as cursor:
                return cursor.rowcount
        except (sqlite3.Error, ValueError) as error:
            raise _translated(self._path, error) from error

    async def read(
        self, statement: str, values: tuple[Any, ...] | dict[str, Any] = ()
    ) -> list[Any]:
        """The rows that a statement answers with.

        All of them are fetched before anything else runs on the connection: a statement that is
        still being read would keep the next ones from seeing, and making, changes.

        Raises:
            Unavailable: the database does not answer.
        """
        try:
            return list(await self._connection.execute_fetchall(statement, values))
        except (sqlite3.Error, ValueError) as error:
            # ValueError is what aiosqlite says of a connection that was closed meanwhile.
            raise _translated(self._path, error) from error

    async def close(self) -> None:
        """Closes it."""
        await self._connection.close()


def _translated(path: Path, error: Exception) -> Unavailable | StorageFull:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
        return StorageFull(where=f"the database {path.name}")
    return Unavailable(what=f"the database {path.name}", reason=str(error))

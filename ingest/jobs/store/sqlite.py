"""Jobs in one SQLite file: write-ahead log, and a sync of it to the disk at every write.

The record itself is JSON in ``body``; the columns beside it are what queries need. Each write is
one statement, so it is atomic without a transaction that a cancelled task could leave open.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import aiosqlite
import msgspec

from common.errors import StorageFull, Unavailable
from common.messages import JobState, encode_text
from ingest.jobs.model import Job, Task

T = TypeVar("T", Job, Task)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    job_id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    due_at REAL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_open ON jobs (state)
    WHERE state NOT IN ('done', 'failed', 'cancelled');
CREATE TABLE IF NOT EXISTS tasks (
    task_id TEXT PRIMARY KEY,
    job_id TEXT NOT NULL,
    due_at REAL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tasks_of_job ON tasks (job_id);
CREATE INDEX IF NOT EXISTS tasks_due ON tasks (due_at) WHERE due_at IS NOT NULL;
"""

BUSY_TIMEOUT = 5.0
"""Seconds to wait for another process that writes to the same file."""


class SqliteJobStore:
    """The adapter for one machine; the processes that share the file are on it."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    async def open(cls, path: Path) -> Self:
        """The database in the file ``path``, which is made when it is missing.

        Raises:
            Unavailable: the file cannot be opened, or is no SQLite database.
        """
        try:
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
            connection = await aiosqlite.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise _unavailable(path, error) from error
        try:
            await connection.execute("PRAGMA journal_mode = WAL")
            await connection.execute("PRAGMA synchronous = FULL")
            await connection.executescript(_SCHEMA)
        except BaseException as error:
            await connection.close()
            if isinstance(error, sqlite3.Error):
                raise _unavailable(path, error) from error
            raise
        return cls(connection, path)

    async def add_job(self, job: Job) -> None:
        """See the port."""
        async with self._rows(
            "INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?, ?)",
            (job.job_id, job.state.value, job.due_at, job.revision, encode_text(job)),
        ):
            pass

    async def add_tasks(self, tasks: Sequence[Task]) -> None:
        """See the port."""
        if not tasks:
            return
        # One statement however many tasks: all of them or none, and one sync to the disk.
        async with self._rows(
            "INSERT OR IGNORE INTO tasks "
            "SELECT value ->> 'task_id', value ->> 'job_id', value ->> 'due_at',"
            " value ->> 'revision', value FROM json_each(?)",
            (encode_text(tasks),),
        ):
            pass

    async def job(self, job_id: str) -> Job | None:
        """See the port."""
        found = await self._read(Job, "SELECT body FROM jobs WHERE job_id = ?", (job_id,))
        return found[0] if found else None

    async def task(self, task_id: str) -> Task | None:
        """See the port."""
        found = await self._read(Task, "SELECT body FROM tasks WHERE task_id = ?", (task_id,))
        return found[0] if found else None

    async def tasks(self, job_ids: Iterable[str]) -> tuple[Task, ...]:
        """See the port."""
        wanted = encode_text(list(job_ids))
        return await self._read(
            Task,
            "SELECT body FROM tasks WHERE job_id IN (SELECT value FROM json_each(?))"
            " ORDER BY task_id",
            (wanted,),
        )

    async def recent_jobs(self, limit: int) -> tuple[Job, ...]:
        """See the port."""
        # Identifiers sort by the time they were made.
        return await self._read(Job, "SELECT body FROM jobs ORDER BY job_id DESC LIMIT ?", (limit,))

    async def swap_job(self, old: Job, new: Job) -> bool:
        """See the port."""
        async with self._rows(
            "UPDATE jobs SET state = ?, due_at = ?, revision = ?, body = ?"
            " WHERE job_id = ? AND revision = ?",
            (
                new.state.value,
                new.due_at,
                new.revision,
                encode_text(new),
                old.job_id,
                old.revision,
            ),
        ) as cursor:
            return cursor.rowcount == 1

    async def swap_task(self, old: Task, new: Task) -> bool:
        """See the port."""
        async with self._rows(
            "UPDATE tasks SET due_at = ?, revision = ?, body = ?"
            " WHERE task_id = ? AND revision = ?",
            (new.due_at, new.revision, encode_text(new), old.task_id, old.revision),
        ) as cursor:
            return cursor.rowcount == 1

    async def due_jobs(self, now: float, limit: int) -> tuple[Job, ...]:
        """See the port."""
        return await self._read(
            Job, "SELECT body FROM jobs WHERE due_at <= ? ORDER BY due_at LIMIT ?", (now, limit)
        )

    async def due_tasks(self, now: float, limit: int) -> tuple[Task, ...]:
        """See the port."""
        return await self._read(
            Task, "SELECT body FROM tasks WHERE due_at <= ? ORDER BY due_at LIMIT ?", (now, limit)
        )

    async def count_open(self) -> dict[JobState, int]:
        """See the port."""
        async with self._rows(
            "SELECT state, count(*) FROM jobs"
            " WHERE state NOT IN ('done', 'failed', 'cancelled') GROUP BY state",
            (),
        ) as cursor:
            return {JobState(state): count for state, count in await cursor.fetchall()}

    async def ping(self) -> None:
        """See the port."""
        async with self._rows("SELECT 1", ()):
            pass

    async def close(self) -> None:
        """See the port."""
        await self._connection.close()

    async def _read(self, kind: type[T], statement: str, values: tuple[Any, ...]) -> tuple[T, ...]:
        async with self._rows(statement, values) as cursor:
            rows = await cursor.fetchall()
        return tuple(msgspec.json.decode(row[0], type=kind) for row in rows)

    @asynccontextmanager
    async def _rows(
        self, statement: str, values: tuple[Any, ...]
    ) -> AsyncIterator[aiosqlite.Cursor]:
        try:
            async with self._connection.execute(statement, values) as cursor:
                yield cursor
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise StorageFull(where=f"the database {self._path.name}") from error
            raise _unavailable(self._path, error) from error
        except ValueError as error:
            # What aiosqlite says of a connection that was closed meanwhile.
            raise _unavailable(self._path, error) from error


def _unavailable(path: Path, error: Exception) -> Unavailable:
    return Unavailable(what=f"the database {path.name}", reason=str(error))

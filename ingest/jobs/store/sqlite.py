"""Jobs in one SQLite file: write-ahead log, and a sync of it to the disk at every write.

The record itself is JSON in ``body``; the columns beside it are what queries need. Each write is
one statement, so it is atomic without a transaction that a cancelled task could leave open.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from common.messages import JobState, encode_text
from common.service.sqlite import SqliteFile
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


class SqliteJobStore:
    """The adapter for one machine; the processes that share the file are on it."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    @classmethod
    async def open(cls, path: Path) -> Self:
        """The database in the file ``path``, which is made when it is missing.

        Raises:
            Unavailable: the file cannot be opened, or is no SQLite database.
        """
        return cls(await SqliteFile.open(path, _SCHEMA, synchronous="FULL"))

    async def add_job(self, job: Job) -> None:
        """See the port."""
        await self._file.write(
            "INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?, ?)",
            (job.job_id, job.state.value, job.due_at, job.revision, encode_text(job)),
        )

    async def add_tasks(self, tasks: Sequence[Task]) -> None:
        """See the port."""
        if not tasks:
            return
        # One statement however many tasks: all of them or none, and one sync to the disk.
        await self._file.write(
            "INSERT OR IGNORE INTO tasks "
            "SELECT value ->> 'task_id', value ->> 'job_id', value ->> 'due_at',"
            " value ->> 'revision', value FROM json_each(?)",
            (encode_text(tasks),),
        )

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
        changed = await self._file.write(
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
        )
        return changed == 1

    async def swap_task(self, old: Task, new: Task) -> bool:
        """See the port."""
        changed = await self._file.write(
            "UPDATE tasks SET due_at = ?, revision = ?, body = ?"
            " WHERE task_id = ? AND revision = ?",
            (new.due_at, new.revision, encode_text(new), old.task_id, old.revision),
        )
        return changed == 1

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
        rows = await self._file.read(
            "SELECT state, count(*) FROM jobs"
            " WHERE state NOT IN ('done', 'failed', 'cancelled') GROUP BY state"
        )
        return {JobState(state): count for state, count in rows}

    async def ping(self) -> None:
        """See the port."""
        await self._file.read("SELECT 1")

    async def close(self) -> None:
        """See the port."""
        await self._file.close()

    async def _read(self, kind: type[T], statement: str, values: tuple[Any, ...]) -> tuple[T, ...]:
        rows = await self._file.read(statement, values)
        return tuple(msgspec.json.decode(row[0], type=kind) for row in rows)

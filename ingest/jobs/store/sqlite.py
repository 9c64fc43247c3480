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
from ingest.jobs.queues import shelf

T = TypeVar("T", Job, Task)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    job_id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at REAL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jobs_of_owner ON jobs (owner, job_id);
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_in_state ON jobs (state, job_id);
CREATE INDEX IF NOT EXISTS jobs_of_owner_in_state ON jobs (owner, state, job_id);
CREATE TABLE IF NOT EXISTS tasks (
    task_id TEXT PRIMARY KEY,
    job_id TEXT NOT NULL,
    due_at REAL,
    shelf TEXT,
    priority INTEGER NOT NULL,
    share REAL NOT NULL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tasks_of_job ON tasks (job_id);
CREATE INDEX IF NOT EXISTS tasks_due ON tasks (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_on_shelves ON tasks (shelf, priority, share, task_id)
    WHERE shelf IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_in_line ON tasks (priority, share) WHERE shelf IS NOT NULL;
CREATE TABLE IF NOT EXISTS clocks (
    priority INTEGER NOT NULL,
    owner TEXT NOT NULL,
    time REAL NOT NULL,
    PRIMARY KEY (priority, owner)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS clocks_ahead ON clocks (priority, time);
CREATE TABLE IF NOT EXISTS contents (
    content TEXT PRIMARY KEY,
    job_id TEXT NOT NULL
) WITHOUT ROWID;
"""

_MOVE_CLOCK = """
WITH line (start) AS (SELECT coalesce(
    (SELECT min(share) FROM tasks WHERE priority = :priority AND shelf IS NOT NULL),
    (SELECT max(time) FROM clocks WHERE priority = :priority),
    0.0
))
INSERT INTO clocks SELECT :priority, :owner, start + :by FROM line WHERE true
ON CONFLICT DO UPDATE SET time = max(time, excluded.time - :by) + :by
RETURNING time
"""

_HOLD_CONTENT = """
INSERT INTO contents VALUES (:content, :job_id)
ON CONFLICT DO UPDATE SET
    job_id = CASE WHEN job_id = :instead_of THEN excluded.job_id ELSE job_id END
RETURNING job_id
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
            "INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?, ?, ?)",
            (job.job_id, job.owner, job.state.value, job.due_at, job.revision, encode_text(job)),
        )

    async def add_tasks(self, tasks: Sequence[Task]) -> None:
        """See the port."""
        if not tasks:
            return
        # One statement however many tasks: all of them or none, and one sync to the disk.
        rows = [{"shelf": _shelf(task), "task": task} for task in tasks]
        await self._file.write(
            "INSERT OR IGNORE INTO tasks "
            "SELECT task ->> 'task_id', task ->> 'job_id', task ->> 'due_at', shelf,"
            " task ->> 'priority', task ->> 'share', task ->> 'revision', task"
            " FROM (SELECT value ->> 'shelf' AS shelf, value -> 'task' AS task FROM json_each(?))",
            (encode_text(rows),),
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

    async def recent_jobs(
        self, limit: int, owner: str | None = None, state: JobState | None = None
    ) -> tuple[Job, ...]:
        """See the port."""
        named = {"owner": owner, "state": None if state is None else state.value}
        wanted = {column: value for column, value in named.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in wanted) or "true"
        # Identifiers sort by the time they were made.
        return await self._read(
            Job,
            f"SELECT body FROM jobs WHERE {where} ORDER BY job_id DESC LIMIT ?",  # noqa: S608 - constants
            (*wanted.values(), limit),
        )

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
            "UPDATE tasks SET due_at = ?, shelf = ?, priority = ?, share = ?, revision = ?,"
            " body = ? WHERE task_id = ? AND revision = ?",
            (
                new.due_at,
                _shelf(new),
                new.priority,
                new.share,
                new.revision,
                encode_text(new),
                old.task_id,
                old.revision,
            ),
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

    async def claimable_tasks(self, shelves: Sequence[str], limit: int) -> tuple[Task, ...]:
        """See the port."""
        if not shelves:
            return ()
        # Each shelf has its own order: the first of every one, and of these the first of all.
        first = (
            "SELECT * FROM (SELECT priority, share, task_id FROM tasks WHERE shelf = ?"
            " ORDER BY priority, share, task_id LIMIT ?)"
        )
        statement = (
            f"SELECT body FROM ({' UNION ALL '.join([first] * len(shelves))}) AS found"  # noqa: S608 - constants
            " JOIN tasks USING (task_id) ORDER BY found.priority, found.share, task_id LIMIT ?"
        )
        values = [value for shelf in shelves for value in (shelf, limit)]
        return await self._read(Task, statement, (*values, limit))

    async def move_clock(self, owner: str, priority: int, by: float) -> float:
        """See the port."""
        values = {"owner": owner, "priority": priority, "by": by}
        rows = await self._file.read(_MOVE_CLOCK, values)
        return float(rows[0][0]) - by

    async def hold_content(self, content: str, job_id: str, *, instead_of: str | None) -> str:
        """See the port."""
        values = {"content": content, "job_id": job_id, "instead_of": instead_of}
        rows = await self._file.read(_HOLD_CONTENT, values)
        return str(rows[0][0])

    async def count_open(self) -> dict[JobState, int]:
        """See the port."""
        # The states by name, so that the index leads to them past all jobs that ended.
        rows = await self._file.read(
            "SELECT state, count(*) FROM jobs"
            " WHERE state IN (SELECT value FROM json_each(?)) GROUP BY state",
            (encode_text([state for state in JobState if not state.final]),),
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


def _shelf(task: Task) -> str | None:
    return shelf(task.queue, task.memory) if task.claimable else None

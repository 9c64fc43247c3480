"""The port of the jobs' database: what every adapter promises.

A write that returned is durable: it outlives the process, the machine's power and, where the
database has replicas, one of them. A swap is a compare-and-set: it happens whole, or not at all
because the record was no longer the one that was read.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from common.messages import JobState
from ingest.jobs.model import Job, Task


class JobStore(Protocol):
    """Jobs and tasks. Every method may raise ``Unavailable``; writes also ``StorageFull``."""

    async def add_job(self, job: Job) -> None:
        """Keeps a new job; one of that id that is there already stays as it is."""
        ...

    async def add_tasks(self, tasks: Sequence[Task]) -> None:
        """Keeps new tasks; those whose ids are there already stay as they are."""
        ...

    async def job(self, job_id: str) -> Job | None:
        """The job; None when there is none of that id."""
        ...

    async def task(self, task_id: str) -> Task | None:
        """The task; None when there is none of that id."""
        ...

    async def tasks(self, job_ids: Iterable[str]) -> tuple[Task, ...]:
        """All tasks of those jobs, in the order of their ids."""
        ...

    async def recent_jobs(
        self, limit: int, owner: str | None = None, state: JobState | None = None
    ) -> tuple[Job, ...]:
        """The newest jobs, newest first; only those of a credential or in a state that is named."""
        ...

    async def swap_job(self, old: Job, new: Job) -> bool:
        """Replaces ``old`` by ``new`` if its revision is still the one that is kept."""
        ...

    async def swap_task(self, old: Task, new: Task) -> bool:
        """Replaces ``old`` by ``new`` if its revision is still the one that is kept."""
        ...

    async def due_jobs(self, now: float, limit: int) -> tuple[Job, ...]:
        """Jobs whose ``due_at`` has come, the longest due first."""
        ...

    async def due_tasks(self, now: float, limit: int) -> tuple[Task, ...]:
        """Tasks whose ``due_at`` has come, the longest due first."""
        ...

    async def claimable_tasks(self, shelves: Sequence[str], limit: int) -> tuple[Task, ...]:
        """Tasks on ``shelves`` that a worker may claim, in the order in which they should go."""
        ...

    async def move_clock(self, owner: str, priority: int, by: float) -> float:
        """Moves the clock of a credential, see ``ingest.jobs.shares``, in one step.

        Returns:
            What it showed before, or where the line of waiting tasks begins when that is later.
        """
        ...

    async def hold_content(self, content: str, job_id: str, *, instead_of: str | None) -> str:
        """Notes that the job makes ``content``, unless another does; ``instead_of`` must not go on.

        Returns:
            The job that makes it.
        """
        ...

    async def count_open(self) -> dict[JobState, int]:
        """How many jobs stand in each state that is not final."""
        ...

    async def ping(self) -> None:
        """Returns when the database answers."""
        ...

    async def close(self) -> None:
        """Lets go of the database."""
        ...

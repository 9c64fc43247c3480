"""Carries out what the graph decides: new tasks, stops, the job's state, and word of all that."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from common import logs
from common.clock import Clock
from common.messages import JobProgress, JobState
from ingest.jobs import shares, transitions
from ingest.jobs.dispatch import TaskDispatch
from ingest.jobs.events import Events
from ingest.jobs.graph import decide
from ingest.jobs.model import Job, Task
from ingest.jobs.store import JobStore

ROUNDS = 50
"""Times that one call starts over because others changed the job meanwhile; the sweeper goes on."""

_log = logs.get(__name__)


class Conductor:
    """Moves jobs on. Any number of them may work on the same job at the same time."""

    def __init__(
        self,
        store: JobStore,
        dispatch: TaskDispatch,
        events: Events,
        clock: Clock,
        hooks: Sequence[str] = (),
    ) -> None:
        """``hooks`` are the names of the webhooks that are told of jobs."""
        self._hooks = hooks
        self._store = store
        self._dispatch = dispatch
        self._events = events
        self._clock = clock

    async def advance(self, job_id: str) -> None:
        """Brings the job to where its tasks allow.

        Raises:
            Unavailable: the database is away; the sweeper will call again.
        """
        for _ in range(ROUNDS):
            job = await self._store.job(job_id)
            if job is None:
                return
            tasks = await self._store.tasks([job_id])
            if await self._step(job, tasks):
                break
        await self._events.publish(JobProgress(job_id))

    async def _step(self, job: Job, tasks: tuple[Task, ...]) -> bool:
        """Carries out one decision; answers whether nothing is left to decide."""
        now = self._clock.now()
        decision = decide(job, tasks, now, self._hooks)
        created = await self._placed(job, decision.create)
        await self._store.add_tasks(created)
        for task in decision.stop:
            await self._store.swap_task(task, transitions.stopped(task, now))
        if decision.job is not job:
            if not await self._store.swap_job(job, decision.job):
                return False
            if decision.job.state is not job.state:
                _log.info("job moved", job_id=job.job_id, state=decision.job.state.value)
        for queue, count in Counter(task.queue for task in created).items():
            await self._dispatch.send(queue, count)
        # Cleaning and publishing begin only once the job's record says that they will.
        ends = decision.job.error != job.error
        publishes = decision.job.state is JobState.PUBLISHING is not job.state
        if decision.stop or ends or publishes:
            return False
        for task in tasks:
            if task.state.final and task.due_at is not None:
                await self._store.swap_task(task, transitions.settled(task))
        if job.state.final and job.due_at is not None:
            settled = msgspec.structs.replace(job, due_at=None, revision=job.revision + 1)
            await self._store.swap_job(job, settled)
        return True

    async def _placed(self, job: Job, tasks: Sequence[Task]) -> tuple[Task, ...]:
        """``tasks`` in the line of all that wait."""
        made: list[Task] = []
        for priority in sorted({task.priority for task in tasks}):
            mine = [task for task in tasks if task.priority == priority]
            by = shares.length(mine)
            made += shares.placed(mine, await self._store.move_clock(job.owner, priority, by))
        return tuple(made)

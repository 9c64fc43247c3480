"""Finds what was forgotten: tasks nobody was told of, leases that ran out, conclusions not drawn.

Whatever a crash, a lost message or an absent database interrupts stands in the database with a
``due_at``. Every process sweeps; a compare-and-set decides which of them acts.
"""

import asyncio
import math

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from ingest.jobs import transitions
from ingest.jobs.conductor import Conductor
from ingest.jobs.dispatch import TaskDispatch
from ingest.jobs.model import TaskState
from ingest.jobs.queues import CODECS, KINDS, queues_of, shelves_of
from ingest.jobs.store import JobStore

SWEEP_EVERY = 1.0
"""Seconds."""
AT_ONCE = 200
"""Records looked at in one sweep."""

_log = logs.get(__name__)


class Sweeper:
    """Looks for what is due, again and again."""

    def __init__(
        self, store: JobStore, dispatch: TaskDispatch, conductor: Conductor, clock: Clock
    ) -> None:
        self._store = store
        self._dispatch = dispatch
        self._conductor = conductor
        self._clock = clock

    async def run(self) -> None:
        """Sweeps until it is cancelled."""
        while True:
            try:
                await self.sweep()
            except NearcastError as error:
                # When the database is back, workers get the time of a lease to say they live,
                # so that an outage does not look like the death of all of them.
                _log.warning("sweep failed", error=str(error))
                await asyncio.sleep(transitions.LEASE)
            except Exception:
                _log.exception("sweep failed unexpectedly")
            await asyncio.sleep(SWEEP_EVERY)

    async def sweep(self) -> None:
        """Acts on all that is due now.

        Raises:
            Unavailable: the database is away.
        """
        now = self._clock.now()
        jobs = {job.job_id for job in await self._store.due_jobs(now, AT_ONCE)}
        for task in await self._store.due_tasks(now, AT_ONCE):
            match task.state:
                case TaskState.READY:
                    await self._store.swap_task(task, transitions.readied(task, now))
                case TaskState.RUNNING:
                    lapsed = transitions.expired(task, now)
                    if await self._store.swap_task(task, lapsed) and lapsed.state.final:
                        jobs.add(task.job_id)
                case _:
                    jobs.add(task.job_id)
        for job_id in sorted(jobs):
            await self._conductor.advance(job_id)
        await self._remind()

    async def _remind(self) -> None:
        """Wakes a worker for each kind of task that waits: the word of it may have got lost."""
        for queue in queues_of(KINDS, CODECS):
            if await self._store.claimable_tasks(shelves_of([queue], math.inf), 1):
                await self._dispatch.send(queue)

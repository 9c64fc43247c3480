"""A worker: takes tasks, keeps their leases alive while it works, and commits what came of it.

It takes the first task in line that it may and that fits its memory, then the next, until there is
none; word of a task only wakes it.

The order is what makes it safe. Claim by compare-and-set; work into names that carry the attempt;
renew, and let go at once when the task is another's; commit by compare-and-set. A worker that was
thought dead finds its commit refused and deletes what it wrote.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from common import logs
from common.clock import Clock
from common.errors import NearcastError, Unavailable
from common.messages import JobProgress
from ingest.jobs import transitions
from ingest.jobs.conductor import Conductor
from ingest.jobs.dispatch import TaskDispatch
from ingest.jobs.events import Events
from ingest.jobs.graph import AFTER_THE_END, is_wanted
from ingest.jobs.model import Job, Task, TaskKind, TaskState
from ingest.jobs.queues import shelves_of
from ingest.jobs.store import JobStore

ASK_AGAIN_AFTER = 1.0
"""Seconds between tries to reach a database that is away."""

CLAIMS_TRIED = 8
"""Tasks at the front of the line that are tried before the line is read anew: others claim too."""

_log = logs.get(__name__)


class TaskLost(NearcastError):
    """The task {task_id} is not this worker's any more."""


class TaskPostponed(NearcastError):
    """The task waits for what is not there yet: {reason}."""


@dataclass(frozen=True)
class Capacity:
    """What a worker takes."""

    queues: tuple[str, ...]
    memory: float
    """GiB that all of its tasks together may need."""


@dataclass
class Assignment:
    """One attempt at one task, as the code that does the work sees it."""

    job: Job
    task: Task
    progress: float = 0.0
    """0 to 1; the work sets it as it goes."""
    speed: float | None = None
    """Seconds of media per second; the work sets it."""
    encoder_started_at: float | None = None
    """When the work started an encoder; the work sets it."""
    written: list[str] = field(default_factory=list)
    """Keys of objects that belong to this attempt alone."""

    @property
    def attempt_name(self) -> str:
        """What tells this attempt's objects and folders from those of others: ``c0000a1``."""
        return f"{self.task.name}a{self.task.attempt}"


class Work(Protocol):
    """What is done for each kind of task."""

    async def perform(self, assignment: Assignment) -> bytes:
        """Does the work and answers its result as JSON. Cancelling stops every process it began.

        Raises:
            NearcastError: with a status of 4xx when trying again would fail in the same way.
        """
        ...

    async def discard(self, assignment: Assignment) -> None:
        """Deletes what an attempt wrote that was not committed."""
        ...


class Worker:
    """Works on tasks, one per call of ``look``."""

    def __init__(
        self,
        name: str,
        *,
        store: JobStore,
        dispatch: TaskDispatch,
        events: Events,
        conductor: Conductor,
        work: Work,
        clock: Clock,
        capacity: Capacity,
        observe: Callable[[Assignment, float], None],
    ) -> None:
        """``observe`` is told each attempt that ended here, and the seconds it took."""
        self._name = name
        self._store = store
        self._dispatch = dispatch
        self._events = events
        self._conductor = conductor
        self._work = work
        self._clock = clock
        self._capacity = capacity
        self._memory_used = 0
        self._observe = observe

    async def look(self) -> None:
        """Works on tasks until there is none to take. Never raises but when it is cancelled."""
        try:
            while (task := await self._claim()) is not None:
                try:
                    await self._work_on(task)
                finally:
                    self._memory_used -= task.memory
        except NearcastError as error:
            _log.warning("look failed", error=str(error))
        except Exception:
            _log.exception("look failed unexpectedly")

    async def _work_on(self, task: Task) -> None:
        assignment = await self._assign(task)
        if assignment is not None:
            await self._carry_out(assignment)
        await self._conductor.advance(task.job_id)

    async def _claim(self) -> Task | None:
        """The first task in line that fits, in this worker's hands; None when there is none."""
        while True:
            free = self._capacity.memory - self._memory_used
            shelves = shelves_of(self._capacity.queues, free)
            found = await self._store.claimable_tasks(shelves, CLAIMS_TRIED)
            for task in found:
                if task.memory > self._capacity.memory - self._memory_used:
                    continue
                # Counted before anything is awaited: another look may be at this very line.
                self._memory_used += task.memory
                claimed = None
                try:
                    changed = transitions.claimed(task, self._name, self._clock.now())
                    if await self._store.swap_task(task, changed):
                        claimed = changed
                finally:
                    if claimed is None:
                        self._memory_used -= task.memory
                if claimed is not None:
                    return claimed
            if len(found) < CLAIMS_TRIED:
                return None

    async def _assign(self, claimed: Task) -> Assignment | None:
        """The attempt at a task that was claimed; None when it is not wanted any more."""
        job = await self._store.job(claimed.job_id)
        if job is None or not is_wanted(job, claimed):
            await self._store.swap_task(claimed, transitions.dropped(claimed, self._clock.now()))
            return None
        if claimed.kind is TaskKind.INSPECT:
            with contextlib.suppress(Unavailable):
                await self._conductor.advance(job.job_id)
        return Assignment(job, claimed)

    async def _carry_out(self, assignment: Assignment) -> None:
        task = assignment.task
        log = _log.bind(task_id=task.task_id, attempt=task.attempt)
        began = self._clock.monotonic()
        try:
            result = await self._leased(assignment)
        except asyncio.CancelledError:
            await asyncio.shield(self._release(assignment))
            raise
        except TaskLost:
            log.info("task let go")
            await self._end(assignment, transitions.released)
        except TaskPostponed as error:
            log.info("task postponed", reason=str(error))
            await self._end(assignment, transitions.postponed)
        except NearcastError as error:
            # What is left behind must go in the end, whatever stands in the way now.
            passing = error.status >= 500 or task.kind in AFTER_THE_END
            log.warning("task failed", error=str(error), passing=passing)
            ending = transitions.retried if passing else transitions.failed
            sentence = str(error)
            await self._end(assignment, lambda held, now: ending(held, sentence, now))
        except Exception as error:
            log.exception("task failed unexpectedly")
            sentence = f"Something unexpected went wrong in {task.kind} ({type(error).__name__})."
            await self._end(assignment, lambda held, now: transitions.retried(held, sentence, now))
        else:
            await self._end(assignment, lambda held, now: transitions.committed(held, result, now))
        self._observe(assignment, self._clock.monotonic() - began)

    async def _leased(self, assignment: Assignment) -> bytes:
        """Works, and says every second that it does.

        Raises:
            TaskLost: the task was given to another worker, or is not wanted any more.
        """
        working = asyncio.create_task(self._work.perform(assignment))
        try:
            while not working.done():
                await asyncio.wait([working], timeout=transitions.RENEW_EVERY)
                if not working.done():
                    await self._renew(assignment)
            return working.result()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _renew(self, assignment: Assignment) -> None:
        try:
            await self._change(
                assignment,
                lambda held, now: transitions.renewed(
                    held, now, progress=assignment.progress, speed=assignment.speed
                ),
            )
            await self._events.publish(JobProgress(assignment.job.job_id))
        except Unavailable as error:
            # Nobody else can claim the task either while the database is away: work on.
            _log.warning("lease not renewed", task_id=assignment.task.task_id, error=str(error))

    async def _change(self, assignment: Assignment, change: Callable[[Task, float], Task]) -> None:
        """Changes the task as long as it is this attempt's.

        Raises:
            TaskLost: it is not.
        """
        while True:
            held = assignment.task
            changed = change(held, self._clock.now())
            if await self._store.swap_task(held, changed):
                assignment.task = changed
                return
            # The sweeper may have touched the record, or the answer to our own write got lost.
            current = await self._store.task(held.task_id)
            if current is None or current.attempt != held.attempt:
                raise TaskLost(task_id=held.task_id)
            assignment.task = current
            if current.state is TaskState.RUNNING:
                continue
            if current.state is not changed.state:
                raise TaskLost(task_id=held.task_id)
            # Only this attempt can have ended itself so.
            return

    async def _end(self, assignment: Assignment, change: Callable[[Task, float], Task]) -> None:
        """Writes how the attempt ended; deletes what it wrote unless it was committed."""
        lost = False
        try:
            await _persistently(lambda: self._change(assignment, change))
        except TaskLost:
            lost = True
        if lost or assignment.task.state is not TaskState.DONE:
            await self._work.discard(assignment)
        if lost:
            await _persistently(lambda: self._confirm_stop(assignment))

    async def _confirm_stop(self, assignment: Assignment) -> None:
        """Says that the attempt has let go, if it was told to."""
        current = await self._store.task(assignment.task.task_id)
        if (
            current is not None
            and current.attempt == assignment.task.attempt
            and current.state is TaskState.STOPPING
        ):
            await self._store.swap_task(current, transitions.stopped(current, self._clock.now()))

    async def _release(self, assignment: Assignment) -> None:
        """Gives the task back on the way out, so that the next worker need not wait for the lease.

        Outputs are left to the job's clean task: shutting down must not take long.
        """
        with contextlib.suppress(NearcastError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._change(assignment, transitions.released)
                await self._dispatch.send(assignment.task.queue)


async def _persistently(write: Callable[[], Awaitable[None]]) -> None:
    """Repeats ``write`` until the database takes it: what was worked for is not thrown away."""
    while True:
        try:
            await write()
            return
        except Unavailable as error:
            _log.warning("ending not written yet", error=str(error))
            await asyncio.sleep(ASK_AGAIN_AFTER)

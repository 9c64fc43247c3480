"""A worker: takes a task, keeps its lease alive while it works, and commits what came of it.

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
from ingest.jobs.model import Job, Task, TaskKind, TaskState
from ingest.jobs.store import JobStore

ASK_AGAIN_AFTER = 1.0
"""Seconds between tries to reach a database that is away."""

_log = logs.get(__name__)


class TaskLost(NearcastError):
    """The task {task_id} is not this worker's any more."""


class TaskGaveUp(NearcastError):
    """The {kind} task was tried {failures} times and never came to an end: {reason}"""


@dataclass
class Assignment:
    """One attempt at one task, as the code that does the work sees it."""

    job: Job
    task: Task
    progress: float = 0.0
    """0 to 1; the work sets it as it goes."""
    speed: float | None = None
    """Seconds of media per second; the work sets it."""
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
        observe: Callable[[Task, float], None],
    ) -> None:
        """``observe`` is told each task that ended here, and the seconds it took."""
        self._name = name
        self._store = store
        self._dispatch = dispatch
        self._events = events
        self._conductor = conductor
        self._work = work
        self._clock = clock
        self._observe = observe

    async def look(self, task_id: str) -> None:
        """Works on the task if there is something to do. Never raises but when it is cancelled."""
        try:
            assignment = await self._claim(task_id)
            if assignment is not None:
                await self._carry_out(assignment)
                await self._conductor.advance(assignment.job.job_id)
        except NearcastError as error:
            _log.warning("look failed", task_id=task_id, error=str(error))
        except Exception:
            _log.exception("look failed unexpectedly", task_id=task_id)

    async def _claim(self, task_id: str) -> Assignment | None:
        task = await self._store.task(task_id)
        if task is None or not transitions.may_claim(task, self._clock.now()):
            return None
        job = await self._store.job(task.job_id)
        if job is None or job.state.final:
            return None
        if job.error is not None and task.kind is not TaskKind.CLEAN:
            await self._conductor.advance(job.job_id)
            return None
        claimed = transitions.claimed(task, self._name, self._clock.now())
        if not await self._store.swap_task(task, claimed):
            return None
        if transitions.exhausted(claimed):
            reason = claimed.error or "its workers died."
            error = TaskGaveUp(kind=task.kind.value, failures=claimed.failures, reason=reason)
            ended = transitions.failed(claimed, str(error), self._clock.now())
            await self._store.swap_task(claimed, ended)
            await self._conductor.advance(job.job_id)
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
        except NearcastError as error:
            # What is left behind must go in the end, whatever stands in the way now.
            passing = error.status >= 500 or task.kind is TaskKind.CLEAN
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
        self._observe(assignment.task, self._clock.monotonic() - began)

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
                await self._dispatch.send(assignment.task.task_id)


async def _persistently(write: Callable[[], Awaitable[None]]) -> None:
    """Repeats ``write`` until the database takes it: what was worked for is not thrown away."""
    while True:
        try:
            await write()
            return
        except Unavailable as error:
            _log.warning("ending not written yet", error=str(error))
            await asyncio.sleep(ASK_AGAIN_AFTER)

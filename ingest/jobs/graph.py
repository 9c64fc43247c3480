"""What a job needs next, out of its own record and its tasks'. Pure.

    inspect ─▶ encode c0000, c0001, … + audio + poster ─▶ package ─▶ publish ─▶ clean ─▶ done
       └────────────── any of them fails ──▶ the others stop ──▶ clean ──▶ failed

The fan-in is computed from the state of the parts and never counted, so it cannot miscount: asking
twice, late or after a crash gives the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from common.messages import JobState
from ingest.jobs.model import Inspected, Job, Task, TaskKind, TaskState, new_task
from ingest.jobs.view import stages_of


@dataclass(frozen=True)
class Decision:
    """What to write. Carried out in this order, a crash in between loses nothing."""

    create: tuple[Task, ...]
    stop: tuple[Task, ...]
    """Tasks that are not wanted any more."""
    job: Job
    """The job's next record; the one given when nothing changes."""


@dataclass(frozen=True)
class _Step:
    state: JobState
    create: tuple[Task, ...] = ()


def decide(job: Job, tasks: Sequence[Task], now: float) -> Decision:
    """What ``job`` with all of its ``tasks`` needs at ``now``."""
    if job.state.final:
        return Decision((), (), job)
    error = job.error or next((t.error for t in tasks if t.state is TaskState.FAILED), None)
    if error is not None:
        return _failing(job, tasks, error, now)
    step = _next_step(job, tasks, now)
    return Decision(step.create, (), _moved(job, tasks, step.state, None, now))


def _next_step(job: Job, tasks: Sequence[Task], now: float) -> _Step:
    inspect = _first(tasks, TaskKind.INSPECT)
    if inspect is None:
        return _Step(JobState.QUEUED, (_single(job, TaskKind.INSPECT, now),))
    if inspect.state is not TaskState.DONE:
        return _Step(JobState.INSPECTING if inspect.attempt else JobState.QUEUED)
    known = {task.name: task for task in tasks}
    parts = msgspec.json.decode(inspect.result, type=Inspected).parts
    missing = tuple(
        new_task(job.job_id, part.kind, part.name, seconds=part.seconds, now=now)
        for part in parts
        if part.name not in known
    )
    if missing or any(known[part.name].state is not TaskState.DONE for part in parts):
        return _Step(JobState.ENCODING, missing)
    for kind, state in (
        (TaskKind.PACKAGE, JobState.PACKAGING),
        (TaskKind.PUBLISH, JobState.PUBLISHING),
        (TaskKind.CLEAN, JobState.PUBLISHING),
    ):
        task = _first(tasks, kind)
        if task is None:
            return _Step(state, (_single(job, kind, now),))
        if task.state is not TaskState.DONE:
            return _Step(state)
    return _Step(JobState.DONE)


def _failing(job: Job, tasks: Sequence[Task], error: str, now: float) -> Decision:
    """Stops all, waits until no worker can write any more, cleans, and only then says failed."""
    others = [task for task in tasks if task.kind is not TaskKind.CLEAN]
    stop = tuple(
        task
        for task in others
        if task.state in {TaskState.READY, TaskState.RUNNING}
        or (task.state is TaskState.STOPPING and task.lease_until <= now)
    )
    clean = _first(tasks, TaskKind.CLEAN)
    create: tuple[Task, ...] = ()
    state = job.state
    if clean is not None and clean.state is TaskState.DONE:
        state = JobState.FAILED
    elif clean is None and job.error is not None and all(t.state.final for t in others):
        # Cleaning goes by the job's record: it must say that the job fails before that begins.
        create = (_single(job, TaskKind.CLEAN, now),)
    return Decision(create, stop, _moved(job, tasks, state, error, now))


def _moved(job: Job, tasks: Sequence[Task], state: JobState, error: str | None, now: float) -> Job:
    if (job.state, job.error, job.due_at) == (state, error, None):
        return job
    return msgspec.structs.replace(
        job,
        state=state,
        error=error,
        stages=stages_of(state, tasks),
        updated_at=now,
        due_at=None,
        revision=job.revision + 1,
    )


def _first(tasks: Sequence[Task], kind: TaskKind) -> Task | None:
    return next((task for task in tasks if task.kind is kind), None)


def _single(job: Job, kind: TaskKind, now: float) -> Task:
    return new_task(job.job_id, kind, kind.value, seconds=0.0, now=now)

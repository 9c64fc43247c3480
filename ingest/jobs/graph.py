"""What a job needs next, out of its own record and its tasks'. Pure.

    inspect ─▶ chunks, sound, pictures, subtitles ─▶ package ─▶ (review) ─▶ publish ─▶ clean
       │          └▶ enough of them ─▶ package-first ─▶ publish-first ─▶┘
       ├─────▶ filter ──────────────────────┴────────────────┘
       └─────▶ copy, in place of encoding, when another job makes the same

       any of them fails, a filter blocks, somebody cancels ──▶ the others stop ──▶ clean

The fan-in is computed from the state of the parts and never counted, so it cannot miscount: asking
twice, late or after a crash gives the same answer. Webhooks are told by tasks of their own, made
together with the change that they tell of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import msgspec

from common.messages import Decision, JobState, Verdict
from ingest.jobs import shares
from ingest.jobs.model import (
    FIRST,
    Copied,
    Filtered,
    Inspected,
    Job,
    Part,
    Task,
    TaskKind,
    TaskState,
    new_task,
)
from ingest.jobs.queues import LIGHT
from ingest.jobs.view import is_published, stages_of

AFTER_THE_END = frozenset({TaskKind.CLEAN, TaskKind.NOTIFY})
"""Kinds that belong to jobs that end too."""

TOLD = {JobState.DONE: "done", JobState.FAILED: "failed", JobState.REVIEW: "review"}
"""The changes that webhooks are told of."""


@dataclass(frozen=True)
class Plan:
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


def decide(job: Job, tasks: Sequence[Task], now: float, hooks: Sequence[str] = ()) -> Plan:
    """What ``job`` with all of its ``tasks`` needs at ``now``; ``hooks`` name the webhooks."""
    if job.state.final:
        return Plan((), (), job)
    verdicts = job.verdicts or _verdicts(tasks)
    error = job.error or (None if job.cancelled else _error(job, tasks, verdicts))
    if error is not None or job.cancelled:
        plan = _ending(job, tasks, error, now)
    else:
        step = _next_step(msgspec.structs.replace(job, verdicts=verdicts), tasks, now)
        plan = Plan(step.create, (), _moved(job, tasks, step.state, None, now))
    if plan.job.verdicts != verdicts:
        told = msgspec.structs.replace(plan.job, verdicts=verdicts, revision=job.revision + 1)
        plan = Plan(plan.create, plan.stop, told)
    notices = _notices(job, plan.job, tasks, hooks, now)
    return Plan((*plan.create, *notices), plan.stop, plan.job)


def is_wanted(job: Job, task: Task) -> bool:
    """Whether ``task`` of ``job`` is still to be done, by the job's record alone.

    Somebody who was held up may make the task of a first version when all is published already.
    """
    if job.ending:
        return task.kind in AFTER_THE_END
    late = job.state is JobState.PUBLISHING or job.state.final
    return not (late and task.name in FIRST)


def _next_step(job: Job, tasks: Sequence[Task], now: float) -> _Step:
    known = {task.name: task for task in tasks}
    inspect = known.get(TaskKind.INSPECT)
    if inspect is None:
        return _Step(JobState.QUEUED, (_single(job, TaskKind.INSPECT, now),))
    if not _is_done(inspect):
        return _Step(JobState.INSPECTING if inspect.attempt else JobState.QUEUED)
    inspected = msgspec.json.decode(inspect.result, type=Inspected)
    return _making(job, inspected, known, now) or _publishing(job, known, now)


def _making(job: Job, inspected: Inspected, known: dict[str, Task], now: float) -> _Step | None:
    """What is left to do before the job may be published; None when nothing is."""
    wanted, packages = _wanted(inspected, known)
    missing = _missing(job, inspected, (*wanted, *inspected.checks), known, now)
    if missing or not _all_done(wanted, known):
        first = _first(job, inspected, known, now) if packages else ()
        return _Step(JobState.ENCODING, (*missing, *first))
    if packages and not _is_done(known.get(TaskKind.PACKAGE)):
        create = () if TaskKind.PACKAGE in known else (_single(job, TaskKind.PACKAGE, now),)
        return _Step(JobState.PACKAGING, create)
    return None if _all_done(inspected.checks, known) else _Step(JobState.PACKAGING)


def _first(job: Job, inspected: Inspected, known: dict[str, Task], now: float) -> tuple[Task, ...]:
    """What publishes enough of the video before the rest of it is encoded, as soon as it can."""
    enough = tuple(part for part in inspected.parts if not part.later)
    if len(enough) == len(inspected.parts) or job.held:
        return ()
    if not _all_done((*enough, *inspected.checks), known):
        return ()
    for name, kind in FIRST.items():
        if name not in known:
            return (new_task(job.job_id, kind, name, seconds=0.0, now=now),)
        if not _is_done(known[name]):
            break
    return ()


def _publishing(job: Job, known: dict[str, Task], now: float) -> _Step:
    if job.held:
        return _Step(JobState.REVIEW)
    # The state is written before the task: once a job can be published, nobody can cancel it.
    if job.state is not JobState.PUBLISHING:
        waits = not _first_is_over(known)
        return _Step(JobState.PACKAGING if waits else JobState.PUBLISHING)
    for kind in (TaskKind.PUBLISH, TaskKind.CLEAN):
        if kind not in known:
            if not _first_is_over(known):
                # Begun before the state was written, by somebody who knew less.
                return _Step(JobState.PUBLISHING)
            return _Step(JobState.PUBLISHING, (_single(job, kind, now),))
        if not _is_done(known[kind]):
            return _Step(JobState.PUBLISHING)
    return _Step(JobState.DONE)


def _first_is_over(known: dict[str, Task]) -> bool:
    """Whether nobody works on the first version: it must not be announced when all else has ended,
    nor be half cleaned."""
    return all(known[name].state.final for name in FIRST if name in known)


def _wanted(inspected: Inspected, known: dict[str, Task]) -> tuple[tuple[Part, ...], bool]:
    """What makes the renditions, and whether that has to be packaged."""
    if not inspected.copies:
        return inspected.parts, True
    copy = known.get(TaskKind.COPY)
    if _is_done(copy) and not msgspec.json.decode(copy.result, type=Copied).copied:
        return inspected.parts, True
    seconds = sum(part.seconds for part in inspected.parts if part.kind is TaskKind.ENCODE)
    return (Part(TaskKind.COPY, TaskKind.COPY.value, seconds),), False


def _missing(
    job: Job, inspected: Inspected, parts: Sequence[Part], known: dict[str, Task], now: float
) -> tuple[Task, ...]:
    length = shares.SHORTS if inspected.short else shares.FILMS
    return tuple(
        new_task(
            job.job_id,
            part.kind,
            part.name,
            seconds=part.seconds,
            now=now,
            queue=part.queue,
            memory=part.memory,
            priority=shares.LITTLE if part.queue == LIGHT else length,
        )
        for part in parts
        if part.name not in known
    )


def _is_done(task: Task | None) -> TypeGuard[Task]:
    return task is not None and task.state is TaskState.DONE


def _all_done(parts: Sequence[Part], known: dict[str, Task]) -> bool:
    return all(_is_done(known.get(part.name)) for part in parts)


def _verdicts(tasks: Sequence[Task]) -> tuple[Verdict, ...]:
    asked = next((t for t in tasks if t.kind is TaskKind.FILTER and _is_done(t)), None)
    return msgspec.json.decode(asked.result, type=Filtered).verdicts if asked else ()


def _error(job: Job, tasks: Sequence[Task], verdicts: Sequence[Verdict]) -> str | None:
    """Why the job must not go on."""
    failed = next(
        (t.error for t in tasks if t.state is TaskState.FAILED and t.kind is not TaskKind.NOTIFY),
        None,
    )
    if failed is not None:
        return failed
    blocked = next((v for v in verdicts if v.decision is Decision.BLOCK), None)
    if blocked is not None:
        reason = blocked.evidence[0].reason if blocked.evidence else "no reason is given"
        return f"The content filter {blocked.filter} blocks the video: {reason.rstrip('.')}."
    if job.review is not None and not job.review.approved:
        note = f": {job.review.note.rstrip('.')}." if job.review.note else "."
        return f"An operator refused to publish the video{note}"
    return None


def _ending(job: Job, tasks: Sequence[Task], error: str | None, now: float) -> Plan:
    """Stops all, waits until no worker can write any more, cleans, and only then says so."""
    others = [t for t in tasks if t.kind not in AFTER_THE_END]
    stop = tuple(
        task
        for task in others
        if task.state in {TaskState.READY, TaskState.RUNNING}
        or (task.state is TaskState.STOPPING and task.lease_until <= now)
    )
    clean = next((task for task in tasks if task.kind is TaskKind.CLEAN), None)
    create: tuple[Task, ...] = ()
    state = job.state
    if _is_done(clean):
        state = JobState.CANCELLED if job.cancelled and job.error is None else JobState.FAILED
    elif clean is None and job.ending and all(task.state.final for task in others):
        # Cleaning goes by the job's record: it must say that the job ends before that begins.
        create = (_single(job, TaskKind.CLEAN, now),)
    return Plan(create, stop, _moved(job, tasks, state, error, now))


def _moved(job: Job, tasks: Sequence[Task], state: JobState, error: str | None, now: float) -> Job:
    if (job.state, job.error, job.due_at) == (state, error, None):
        return job
    return msgspec.structs.replace(
        job,
        state=state,
        error=error,
        stages=stages_of(state, tasks),
        published=is_published(job, tasks),
        updated_at=now,
        due_at=None,
        revision=job.revision + 1,
    )


def _notices(
    before: Job, after: Job, tasks: Sequence[Task], hooks: Sequence[str], now: float
) -> tuple[Task, ...]:
    event = TOLD.get(after.state)
    if event is None or after.state is before.state:
        return ()
    names = {f"{TaskKind.NOTIFY}-{event}-{hook}" for hook in hooks}
    known = {task.name for task in tasks}
    return tuple(
        new_task(after.job_id, TaskKind.NOTIFY, name, seconds=0.0, now=now)
        for name in sorted(names - known)
    )


def _single(job: Job, kind: TaskKind, now: float) -> Task:
    return new_task(job.job_id, kind, kind.value, seconds=0.0, now=now)

"""How a task may change: every transition there is, as a function from record to record. Pure.

    READY ──claimed──▶ RUNNING ──committed──▶ DONE
      ▲                  │ │ └──failed──────▶ FAILED
      │                  │ └────stopped─────▶ STOPPING ──stopped──▶ CANCELLED
      └──────────────────┘
       retried, postponed, released, expired

Whoever carries a transition out writes the new record only where the old one still stands
(compare-and-set on ``revision``), so of two that try, one wins. An attempt that lost its task can
change nothing any more: that is the fence.
"""

from typing import Any

import msgspec

from ingest.jobs import shares
from ingest.jobs.model import Task, TaskKind, TaskState

LEASE = 10.0
"""Seconds that a worker may stay silent before its task is given to another."""

RENEW_EVERY = 1.0
"""Seconds between a working worker's signs of life."""

MAXIMUM_FAILURES = 5
"""Attempts at a task that may fail in passing before the job is given up."""

LONGEST_BACKOFF = 30.0
"""Seconds."""

NOTICES = 22
"""Attempts at telling a webhook: some nine hours of them."""
LONGEST_NOTICE_BACKOFF = 3600.0

SETTLE_WITHIN = 3.0
"""Seconds after which a finished task that nobody drew conclusions from is looked at again."""

UNDYING = frozenset({TaskKind.PUBLISH, TaskKind.CLEAN})
"""Kinds that are tried until they succeed: giving up would lose a finished video, or leak bytes."""


def exhausted(task: Task) -> bool:
    """Whether ``task`` has failed so often that one more attempt is not worth it."""
    most = NOTICES if task.kind is TaskKind.NOTIFY else MAXIMUM_FAILURES
    return task.kind not in UNDYING and task.failures >= most


def backoff(failures: int, longest: float = LONGEST_BACKOFF) -> float:
    """Seconds to wait after so many failures: 1, 2, 4, … up to the longest."""
    return min(longest, 2.0 ** min(failures - 1, 20))


def claimed(task: Task, worker: str, now: float) -> Task:
    """``task`` in the hands of ``worker``, as a new attempt."""
    return _changed(
        task,
        state=TaskState.RUNNING,
        attempt=task.attempt + 1,
        worker=worker,
        lease_until=now + LEASE,
        due_at=now + LEASE,
        speed=None,
        started_at=now,
    )


def renewed(task: Task, now: float, *, progress: float, speed: float | None) -> Task:
    """``task`` with its worker heard of at ``now``."""
    return _changed(
        task,
        lease_until=now + LEASE,
        due_at=now + LEASE,
        progress=min(max(progress, task.progress), 1.0),
        speed=speed,
    )


def committed(task: Task, result: bytes, now: float) -> Task:
    """``task`` done, with ``result`` as JSON."""
    return _finished(
        task, TaskState.DONE, now, progress=1.0, result=msgspec.Raw(result), error=None
    )


def failed(task: Task, error: str, now: float) -> Task:
    """``task`` failed for good."""
    return _finished(task, TaskState.FAILED, now, error=error)


def retried(task: Task, error: str, now: float) -> Task:
    """``task`` to be tried again after a passing error; failed for good when that was too often."""
    failures = task.failures + 1
    longest = LONGEST_NOTICE_BACKOFF if task.kind is TaskKind.NOTIFY else LONGEST_BACKOFF
    again = _waiting(task, now + backoff(failures, longest), failures=failures, error=error)
    return failed(again, error, now) if exhausted(again) else again


def postponed(task: Task, now: float) -> Task:
    """``task`` to be looked at again later, as what it waits for is not there; no failure."""
    return _waiting(task, now + backoff(task.attempt), error=None)


def released(task: Task, _now: float) -> Task:
    """``task`` given back by a worker that shuts down: ready at once, and no failure of its own."""
    return _ready(task, shares.overdue_at(task))


def expired(task: Task, now: float) -> Task:
    """``task`` taken from a worker whose lease is over; failed for good when that was too often."""
    # Its worker died, perhaps of this very task.
    again = _ready(task, shares.overdue_at(task), failures=task.failures + 1)
    if not exhausted(again):
        return again
    reason = task.error or "its workers died."
    kind, times = task.kind.value, again.failures
    return failed(
        again, f"The {kind} task was tried {times} times and never came to an end: {reason}", now
    )


def stopped(task: Task, now: float) -> Task:
    """``task`` not wanted any more: off at once, or as soon as the worker that has it lets go."""
    if task.state is TaskState.RUNNING and task.lease_until > now:
        return _changed(task, state=TaskState.STOPPING, due_at=task.lease_until)
    return _finished(task, TaskState.CANCELLED, now)


def dropped(task: Task, now: float) -> Task:
    """``task`` that its worker never began, as its job ends."""
    return _finished(task, TaskState.CANCELLED, now)


def readied(task: Task, now: float) -> Task:
    """A ready ``task`` that has waited: for its next try, or as a film's for too long."""
    if shares.overdue(task, now):
        return _changed(task, not_before=None, priority=shares.SHORTS, share=0.0, due_at=None)
    return _changed(task, not_before=None, due_at=shares.overdue_at(task))


def settled(task: Task) -> Task:
    """A finished ``task`` whose job has taken note: nobody needs to look at it again."""
    return _changed(task, due_at=None)


def _waiting(task: Task, until: float, **changes: Any) -> Task:
    """Ready, but for whoever sweeps to make claimable then: in no worker's way before."""
    return _ready(task, until, not_before=until, **changes)


def _ready(task: Task, due_at: float | None, **changes: Any) -> Task:
    return _changed(
        task,
        state=TaskState.READY,
        due_at=due_at,
        lease_until=0.0,
        worker=None,
        speed=None,
        **changes,
    )


def _finished(task: Task, state: TaskState, now: float, **changes: Any) -> Task:
    return _changed(
        task,
        state=state,
        lease_until=0.0,
        finished_at=now,
        due_at=now + SETTLE_WITHIN,
        **changes,
    )


def _changed(task: Task, **changes: Any) -> Task:
    return msgspec.structs.replace(task, revision=task.revision + 1, **changes)

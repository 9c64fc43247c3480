"""Who comes first: little work, shorts, films; and all who upload get an even share. Pure.

Tasks of one priority are taken in the order of their shares. Each credential has a clock of its own
that runs on by the cost of every task that is made for it; a task's share is what the clock showed
before. A clock that was left behind starts where the line of waiting tasks begins, so nobody saves
up for later, and who sends a thousand videos waits behind who sends one. This is start-time fair
queuing: Goyal, Vin and Cheng, "Start-time Fair Queueing", IEEE/ACM Transactions on Networking 5(5),
1997.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from ingest.jobs.model import Task, TaskKind

LITTLE: Final = 0
"""The priority of work that is little, so that what is wrong is told soon and what is near its end
ends."""
SHORTS: Final = 1
FILMS: Final = 2

FILMS_WAIT_AT_MOST: Final = 600.0
"""Seconds after which a film's task goes before shorts, which could else hold it for ever."""

COSTS: Final = {
    TaskKind.ENCODE: 1.0,
    TaskKind.AUDIO: 0.05,
    TaskKind.FILTER: 0.2,
    TaskKind.PICTURES: 0.02,
    TaskKind.SUBTITLES: 0.01,
}
"""Work per second of media, against a second of video in all of its renditions."""

LEAST: Final = 0.1
"""Seconds of media that even the smallest task counts for, so that a sum is never zero."""


def cost(task: Task) -> float:
    """What ``task`` takes, in seconds of video encoded."""
    return COSTS.get(task.kind, 1.0) * max(task.seconds, LEAST)


def placed(tasks: Sequence[Task], start: float) -> tuple[Task, ...]:
    """``tasks`` of one credential and priority, in a row that begins at ``start``."""
    made = []
    for task in tasks:
        made.append(msgspec.structs.replace(task, share=start, due_at=overdue_at(task)))
        start += max(cost(task), LEAST)
    return tuple(made)


def length(tasks: Sequence[Task]) -> float:
    """How far ``tasks`` move their credential's clock."""
    return sum(max(cost(task), LEAST) for task in tasks)


def overdue_at(task: Task) -> float | None:
    """When ``task``, if it waits in line then, has waited long enough to go before shorts."""
    return task.created_at + FILMS_WAIT_AT_MOST if task.priority == FILMS else None


def overdue(task: Task, now: float) -> bool:
    """Whether that time has come."""
    at = overdue_at(task)
    return at is not None and at <= now

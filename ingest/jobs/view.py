"""A job as clients see it: state, percent over its stages, speed and time left. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from common.messages import JobState, JobView, StageView
from ingest.jobs.model import Job, Task, TaskKind, TaskState

STAGES: Final[dict[str, tuple[TaskKind, ...]]] = {
    "inspect": (TaskKind.INSPECT,),
    "encode": (TaskKind.ENCODE, TaskKind.AUDIO, TaskKind.POSTER),
    "package": (TaskKind.PACKAGE,),
    "publish": (TaskKind.PUBLISH,),
}

WEIGHTS: Final = {"inspect": 2.0, "encode": 90.0, "package": 5.0, "publish": 3.0}
"""How much of the whole each stage is, in percent."""

COSTS: Final = {TaskKind.ENCODE: 1.0, TaskKind.AUDIO: 0.05, TaskKind.POSTER: 0.0}
"""Work per second of media, against a second of video in all of its renditions."""

SHORTEST = 0.1
"""Seconds of media that even the smallest task counts for, so that a sum is never zero."""


def stages_of(state: JobState, tasks: Iterable[Task]) -> tuple[StageView, ...]:
    """How far each stage of a job in ``state`` is."""
    known = tuple(tasks)
    return tuple(
        StageView(name, 100.0 if state is JobState.DONE else _percent(kinds, known))
        for name, kinds in STAGES.items()
    )


def view_of(job: Job, tasks: Sequence[Task]) -> JobView:
    """``job`` as its URL shows it.

    Args:
        job: its record.
        tasks: all of its tasks; not needed, and not looked at, when the job's state is final.
    """
    stages = job.stages if job.state.final else stages_of(job.state, tasks)
    encoding = job.state is JobState.ENCODING
    speed = _speed(tasks) if encoding else None
    return JobView(
        job_id=job.job_id,
        asset_id=job.asset_id,
        version=job.version,
        title=job.title,
        state=job.state,
        percent=_overall(stages),
        stages=stages,
        speed=speed,
        seconds_left=_seconds_left(tasks, speed) if speed else None,
        error=job.error if job.state is JobState.FAILED else None,
        created_at=job.created_at,
        updated_at=max([job.updated_at, *(t.finished_at or t.started_at or 0.0 for t in tasks)]),
    )


def _overall(stages: Iterable[StageView]) -> float:
    return round(sum(WEIGHTS.get(stage.name, 0.0) * stage.percent for stage in stages) / 100, 1)


def _percent(kinds: tuple[TaskKind, ...], tasks: Iterable[Task]) -> float:
    mine = [task for task in tasks if task.kind in kinds]
    whole = sum(_weight(task) for task in mine)
    if not whole:
        return 0.0
    return round(100 * sum(_weight(task) * task.progress for task in mine) / whole, 1)


def _weight(task: Task) -> float:
    return COSTS.get(task.kind, 1.0) * max(task.seconds, SHORTEST)


def _speed(tasks: Sequence[Task]) -> float | None:
    """Seconds of video encoded per second, by all of the job's workers together."""
    encodes = [task for task in tasks if task.kind is TaskKind.ENCODE and task.speed]
    running = [task.speed or 0.0 for task in encodes if task.state is TaskState.RUNNING]
    # Between two chunks nothing is measured: the last one's speed is the best guess.
    last = max(encodes, key=lambda task: task.finished_at or 0.0, default=None)
    speed = sum(running) or (last.speed if last else None)
    return round(speed, 2) if speed else None


def _seconds_left(tasks: Iterable[Task], speed: float) -> float:
    left = sum(task.seconds * (1 - task.progress) for task in tasks if task.kind is TaskKind.ENCODE)
    return round(left / speed, 1)

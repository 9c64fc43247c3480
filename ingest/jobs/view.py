"""A job as clients see it: state, percent over its stages, speed and time left. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from common.messages import JobState, JobView, StageView, SubtitlesView
from ingest.jobs.model import FIRST, Copied, Job, Sidecar, Task, TaskKind, TaskState
from ingest.jobs.shares import cost

STAGES: Final[dict[str, tuple[TaskKind, ...]]] = {
    "inspect": (TaskKind.INSPECT,),
    "filter": (TaskKind.FILTER,),
    "encode": (
        TaskKind.ENCODE,
        TaskKind.AUDIO,
        TaskKind.PICTURES,
        TaskKind.SUBTITLES,
        TaskKind.COPY,
    ),
    "package": (TaskKind.PACKAGE,),
    "publish": (TaskKind.PUBLISH,),
}

WEIGHTS: Final = {"inspect": 2.0, "filter": 5.0, "encode": 90.0, "package": 5.0, "publish": 3.0}
"""How much of the whole each stage is, against the others."""


def stages_of(state: JobState, tasks: Iterable[Task]) -> tuple[StageView, ...]:
    """How far each stage of a job in ``state`` is."""
    known = tuple(tasks)
    # These are there only when they have tasks; what is copied is packaged already.
    optional = {"filter", "package"} if _copies(known) else {"filter"}
    stages = []
    for name, kinds in STAGES.items():
        mine = [task for task in known if task.kind in kinds and _counts(task)]
        if mine or name not in optional:
            percent = 100.0 if state is JobState.DONE else _percent(mine)
            speed = _speed(mine) if 0 < percent < 100 else None
            left = _seconds_left(mine, speed) if speed else None
            stages.append(StageView(name, percent, speed, left))
    return tuple(stages)


def view_of(job: Job, tasks: Sequence[Task]) -> JobView:
    """``job`` as its URL shows it.

    Args:
        job: its record.
        tasks: all of its tasks; not needed, and not looked at, when the job's state is final.
    """
    stages = job.stages if job.state.final else stages_of(job.state, tasks)
    encode = next((stage for stage in stages if stage.name == "encode"), None)
    shown = encode if encode and job.state is JobState.ENCODING else None
    return JobView(
        job_id=job.job_id,
        asset_id=job.asset_id,
        version=job.version,
        title=job.title,
        state=job.state,
        percent=_overall(stages),
        stages=stages,
        speed=shown.speed if shown else None,
        seconds_left=shown.seconds_left if shown else None,
        error=job.error if job.state is JobState.FAILED else None,
        created_at=job.created_at,
        updated_at=max([job.updated_at, *(t.finished_at or t.started_at or 0.0 for t in tasks)]),
        owner=job.owner,
        profile=job.profile,
        verdicts=job.verdicts,
        review=job.review,
        subtitles=tuple(map(subtitles_view, job.sidecars)),
        playable=_is_playable(job, tasks),
    )


def _is_playable(job: Job, tasks: Iterable[Task]) -> bool:
    if job.state.final:
        return job.published or job.state is JobState.DONE
    return is_published(job, tasks)


def is_published(job: Job, tasks: Iterable[Task]) -> bool:
    """Whether viewers have a version of ``job``, or lose it now that somebody cancels.

    What an operator removes at the control plane since is not known here.
    """
    if job.cancelled:
        return False
    return any(task.kind is TaskKind.PUBLISH and task.state is TaskState.DONE for task in tasks)


def subtitles_view(sidecar: Sidecar) -> SubtitlesView:
    """``sidecar`` as clients see it."""
    return SubtitlesView(
        language=sidecar.language,
        label=sidecar.label,
        default=sidecar.default,
        forced=sidecar.forced,
        hearing_impaired=sidecar.hearing_impaired,
        cue_count=sidecar.cue_count,
    )


def _copies(tasks: Iterable[Task]) -> bool:
    """Whether the job takes over what another makes, as far as is known."""
    copy = next((task for task in tasks if task.kind is TaskKind.COPY), None)
    if copy is None or copy.state is not TaskState.DONE:
        return copy is not None
    return msgspec.json.decode(copy.result, type=Copied).copied


def _counts(task: Task) -> bool:
    """Whether a stage is as far as ``task``: it is not over with the first version, nor with a copy
    that could not be made."""
    if task.kind is TaskKind.COPY and task.state is TaskState.DONE:
        return _copies([task])
    return task.name not in FIRST


def _overall(stages: Sequence[StageView]) -> float:
    """A stage that is not there counts as far as encoding, so that stages may come without the
    whole going back."""
    percents = {stage.name: stage.percent for stage in stages}
    others = percents.get("encode", 0.0)
    done = sum(weight * percents.get(name, others) for name, weight in WEIGHTS.items())
    return round(done / sum(WEIGHTS.values()), 1)


def _percent(tasks: Sequence[Task]) -> float:
    whole = sum(map(cost, tasks))
    if not whole:
        return 0.0
    return round(100 * sum(cost(task) * task.progress for task in tasks) / whole, 1)


def _speed(tasks: Sequence[Task]) -> float | None:
    """Seconds of media per second, by all of the job's workers together; of video, not of sound."""
    measured = [task for task in tasks if task.speed and task.kind is TaskKind.ENCODE]
    running = [task.speed or 0.0 for task in measured if task.state is TaskState.RUNNING]
    # Between two chunks nothing is measured: the last one's speed is the best guess.
    last = max(measured, key=lambda task: task.finished_at or 0.0, default=None)
    speed = sum(running) or (last.speed if last else None)
    return round(speed, 2) if speed else None


def _seconds_left(tasks: Iterable[Task], speed: float) -> float:
    left = sum(t.seconds * (1 - t.progress) for t in tasks if t.kind is TaskKind.ENCODE)
    return round(left / speed, 1)

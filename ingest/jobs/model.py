"""What the database keeps of a job: its own record, and one record per task.

A record changes only by compare-and-set on its ``revision``. ``due_at`` is when somebody must look
at a record again although nobody was told to; None is never. Times are POSIX seconds.
"""

from enum import StrEnum

import msgspec

from common.messages import JobState, StageView


class TaskKind(StrEnum):
    """What a task does."""

    INSPECT = "inspect"
    """Probe the source, refuse what cannot be published, plan the parts."""
    ENCODE = "encode"
    """Encode one chunk of video into every rendition of a codec."""
    AUDIO = "audio"
    """Encode the sound, whole."""
    POSTER = "poster"
    """Take one picture."""
    PACKAGE = "package"
    """Write playlists and the manifest over the parts."""
    PUBLISH = "publish"
    """Announce the version to the control plane."""
    CLEAN = "clean"
    """Delete what the job leaves behind: the source, lost attempts, all of a failed job."""


class TaskState(StrEnum):
    """Where a task stands."""

    READY = "ready"
    RUNNING = "running"
    STOPPING = "stopping"
    """Its worker was told to stop and has not said that it did."""
    DONE = "done"
    FAILED = "failed"
    """For good: trying again would end the same way."""
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the task will never change again."""
        return self in {TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED}


class Source(msgspec.Struct, frozen=True):
    """The uploaded file."""

    keys: tuple[str, ...]
    """The objects that are the file, one after another."""
    size: int
    """Bytes."""
    sha256: str | None
    """None where the file came in parts; then the inspection finds it out."""
    filename: str | None
    """The name that the client gave; only ever shown."""


class Job(msgspec.Struct, frozen=True):
    """One upload on its way to being a published version."""

    job_id: str
    asset_id: str
    version: str
    owner: str
    """The name of the credential that sent the file."""
    profile: str | None
    """Which of the operator's profiles the video must fit; None is the one for all."""
    title: str
    source: Source
    state: JobState
    stages: tuple[StageView, ...]
    """As they stood when the state last changed."""
    error: str | None
    """Why the job fails or failed, in one sentence."""
    created_at: float
    updated_at: float
    due_at: float | None
    revision: int = 0


class Task(msgspec.Struct, frozen=True):
    """One piece of a job's work, done by one worker at a time."""

    task_id: str
    job_id: str
    kind: TaskKind
    name: str
    """Its place in the job: ``inspect``, ``c0000``, ``audio``, ``package``, …"""
    seconds: float
    """Seconds of media it works on: its weight among the tasks of its stage."""
    state: TaskState
    created_at: float
    due_at: float | None
    attempt: int = 0
    """Rises with each claim. Whatever an attempt writes carries it in its name."""
    failures: int = 0
    """Attempts that ended in a passing error or whose worker was not heard of again."""
    dispatches: int = 0
    """Times that workers were told of it since it became ready."""
    not_before: float = 0.0
    """A ready task must not be claimed before."""
    lease_until: float = 0.0
    """When a running task's worker is given up for dead."""
    worker: str | None = None
    progress: float = 0.0
    """0 to 1."""
    speed: float | None = None
    """Seconds of media per second, as last measured in this attempt."""
    started_at: float | None = None
    finished_at: float | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    """What its kind hands on, as JSON."""
    error: str | None = None
    """What the last failure said, in one sentence."""
    revision: int = 0


class Part(msgspec.Struct, frozen=True):
    """A piece of encoding that the inspection found to be needed."""

    kind: TaskKind
    name: str
    seconds: float


class Inspected(msgspec.Struct, frozen=True):
    """The result of an inspection."""

    parts: tuple[Part, ...]
    plan: msgspec.Raw
    """The plan in full, for the tasks that carry it out."""


def new_job(
    *,
    job_id: str,
    asset_id: str,
    version: str,
    owner: str,
    profile: str | None,
    title: str,
    source: Source,
    now: float,
) -> Job:
    """The record of a job whose source has just become durable."""
    return Job(
        job_id=job_id,
        asset_id=asset_id,
        version=version,
        owner=owner,
        profile=profile,
        title=title,
        source=source,
        state=JobState.QUEUED,
        stages=(),
        error=None,
        created_at=now,
        updated_at=now,
        due_at=now + 2.0,
    )


def new_task(job_id: str, kind: TaskKind, name: str, *, seconds: float, now: float) -> Task:
    """A task nobody has begun. Its name makes its id, so making it twice makes one task."""
    return Task(
        task_id=f"{job_id}-{name}",
        job_id=job_id,
        kind=kind,
        name=name,
        seconds=seconds,
        state=TaskState.READY,
        created_at=now,
        due_at=now + 2.0,
    )

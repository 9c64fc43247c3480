"""What the database keeps of a job: its own record, and one record per task.

A record changes only by compare-and-set on its ``revision``. ``due_at`` is when somebody must look
at a record again although nobody was told to; None is never. Times are POSIX seconds.
"""

from enum import StrEnum
from typing import Final

import msgspec

from common.messages import Decision, JobState, Review, StageView, Verdict
from ingest.jobs.queues import LIGHT

PACKAGE_FIRST: Final = "package-first"
PUBLISH_FIRST: Final = "publish-first"
"""Names of the tasks that publish a first version."""


class TaskKind(StrEnum):
    """What a task does."""

    INSPECT = "inspect"
    """Probe the source, refuse what cannot be published, plan the parts."""
    FILTER = "filter"
    """Ask the content filters."""
    COPY = "copy"
    """Take over what another job makes of the same file."""
    ENCODE = "encode"
    """Encode one chunk of video into every rendition of a group."""
    AUDIO = "audio"
    """Encode one track of the sound, whole."""
    PICTURES = "pictures"
    """Take the pictures that stand for the video."""
    SUBTITLES = "subtitles"
    """Take the subtitles out of the source."""
    PACKAGE = "package"
    """Write playlists and the manifest over the parts."""
    PUBLISH = "publish"
    """Announce the version to the control plane."""
    CLEAN = "clean"
    """Delete what the job leaves behind: the source, lost attempts, all of a failed job."""
    NOTIFY = "notify"
    """Tell an operator's webhook."""


FIRST: Final = {PACKAGE_FIRST: TaskKind.PACKAGE, PUBLISH_FIRST: TaskKind.PUBLISH}
"""What these tasks are, one after the other."""


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


class Sidecar(msgspec.Struct, frozen=True):
    """Subtitles that came beside the uploaded file; see ``ingest.subtitles.sidecars``."""

    part: str
    """Names their object, and the folder of their segments; every upload has another."""
    language: str
    """A tag of RFC 5646; a job has one for each language."""
    label: str
    """For people."""
    default: bool
    forced: bool
    hearing_impaired: bool
    cue_count: int


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
    cancelled: bool = False
    """Whether somebody wants it to end; once it publishes, nobody can."""
    verdicts: tuple[Verdict, ...] = ()
    """What the content filters said."""
    review: Review | None = None
    """What an operator decided on it."""
    sidecars: tuple[Sidecar, ...] = ()
    """By language."""
    settled: bool = False
    """Whether it is packaged, for the last time, as this record says: no more subtitles come."""
    published: bool = False
    """Whether viewers have a version of it, as it stood when the state last changed."""
    revision: int = 0

    @property
    def first_version(self) -> str:
        """The version that is published before all of ``version`` is there; it sorts before it.

        It has playlists of its own, which name objects of ``version``.
        """
        return self.version[:-1]

    @property
    def ending(self) -> bool:
        """Whether it is on its way to an end without being published."""
        return self.cancelled or self.error is not None

    @property
    def held(self) -> bool:
        """Whether it must not be published before an operator has decided."""
        doubted = any(verdict.decision is not Decision.ALLOW for verdict in self.verdicts)
        return doubted and self.review is None


class Task(msgspec.Struct, frozen=True):
    """One piece of a job's work, done by one worker at a time."""

    task_id: str
    job_id: str
    kind: TaskKind
    name: str
    """Its place in the job: ``inspect``, ``c0000-h264``, ``audio-0``, ``package``, …"""
    seconds: float
    """Seconds of media it works on: its weight among the tasks of its stage."""
    state: TaskState
    created_at: float
    due_at: float | None
    queue: str = LIGHT
    """Which workers may take it, see ``ingest.jobs.queues``."""
    memory: int = 1
    """GiB that it may need, a power of two."""
    priority: int = 0
    """Tasks of lower numbers go first."""
    share: float = 0.0
    """Its place among those of its priority: see ``ingest.jobs.shares``."""
    attempt: int = 0
    """Rises with each claim. Whatever an attempt writes carries it in its name."""
    failures: int = 0
    """Attempts that ended in a passing error or whose worker was not heard of again."""
    not_before: float | None = None
    """When a ready task that waits for another try may be claimed; None is now."""
    lease_until: float = 0.0
    """When a running task's worker is given up for dead."""
    worker: str | None = None
    progress: float = 0.0
    """0 to 1: how far the best of its attempts came, so that it never goes back."""
    speed: float | None = None
    """Seconds of media per second, as last measured in this attempt."""
    started_at: float | None = None
    finished_at: float | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    """What its kind hands on, as JSON."""
    error: str | None = None
    """What the last failure said, in one sentence."""
    revision: int = 0

    @property
    def claimable(self) -> bool:
        """Whether a worker may take it."""
        return self.state is TaskState.READY and self.not_before is None


class Part(msgspec.Struct, frozen=True):
    """A piece of work that the inspection found to be needed."""

    kind: TaskKind
    name: str
    seconds: float
    queue: str = LIGHT
    memory: int = 1
    later: bool = False
    """Whether the job is published a first time without it."""


class Inspected(msgspec.Struct, frozen=True):
    """The result of an inspection."""

    parts: tuple[Part, ...]
    """What makes the renditions."""
    plan: msgspec.Raw
    """The plan in full, for the tasks that carry it out."""
    checks: tuple[Part, ...] = ()
    """What must be done before publishing, beside the renditions: asking the content filters."""
    media: msgspec.Raw = msgspec.Raw(b"null")
    """What is in the file, for the content filters."""
    sha256: str = ""
    """Of the file."""
    content: str = ""
    """Names what is to be made: the same file, encoded in the same way, has the same name."""
    copies: bool = False
    """Whether another job makes the same, so that this one waits for it and copies."""
    short: bool = True
    """Whether the video is so short that it goes before films."""


class Copied(msgspec.Struct, frozen=True):
    """What every result of copying tells; ``package`` is there when it was done."""

    copied: bool


class Filtered(msgspec.Struct, frozen=True):
    """The result of asking the content filters."""

    verdicts: tuple[Verdict, ...]


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


def new_task(
    job_id: str,
    kind: TaskKind,
    name: str,
    *,
    seconds: float,
    now: float,
    queue: str = LIGHT,
    memory: int = 1,
    priority: int = 0,
) -> Task:
    """A task nobody has begun. Its name makes its id, so making it twice makes one task."""
    return Task(
        task_id=f"{job_id}-{name}",
        job_id=job_id,
        kind=kind,
        name=name,
        seconds=seconds,
        state=TaskState.READY,
        created_at=now,
        due_at=None,
        queue=queue,
        memory=memory,
        priority=priority,
    )

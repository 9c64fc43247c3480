"""Jobs as ingest shows them to clients, the control plane's page and the command line."""

from enum import StrEnum

import msgspec


class JobState(StrEnum):
    """Where a job stands. ``DONE``, ``FAILED`` and ``CANCELLED`` are final."""

    QUEUED = "queued"
    INSPECTING = "inspecting"
    ENCODING = "encoding"
    PACKAGING = "packaging"
    PUBLISHING = "publishing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the job will never change again."""
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


class StageView(msgspec.Struct, frozen=True):
    """One stage of a job."""

    name: str
    """``inspect``, ``encode``, ``package`` or ``publish``."""
    percent: float
    """0 to 100."""


class JobView(msgspec.Struct, frozen=True):
    """A job, as its URL shows it."""

    job_id: str
    asset_id: str
    version: str
    title: str
    state: JobState
    percent: float
    """0 to 100, over all stages."""
    stages: tuple[StageView, ...]
    speed: float | None
    """Seconds of video encoded per second, while encoding."""
    seconds_left: float | None
    """Estimate, while encoding."""
    error: str | None
    """One sentence, when the job failed."""
    created_at: float
    updated_at: float


class JobProgress(msgspec.Struct, frozen=True):
    """Something about a job changed: whoever shows it should read it again."""

    job_id: str

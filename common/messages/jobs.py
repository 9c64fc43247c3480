"""Jobs as ingest shows them to clients, the control plane's page and the command line."""

from enum import StrEnum
from typing import Annotated

import msgspec


class JobState(StrEnum):
    """Where a job stands. ``DONE``, ``FAILED`` and ``CANCELLED`` are final."""

    QUEUED = "queued"
    INSPECTING = "inspecting"
    ENCODING = "encoding"
    PACKAGING = "packaging"
    REVIEW = "review"
    """Ready to be published, and held until an operator decides."""
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
    """``inspect``, ``filter``, ``encode``, ``package`` or ``publish``."""
    percent: float
    """0 to 100."""
    speed: float | None = None
    """Seconds of media per second, while it runs and where that is known."""
    seconds_left: float | None = None
    """Estimate, likewise."""


class Decision(StrEnum):
    """What a content filter says of a video, the mildest first."""

    ALLOW = "allow"
    REVIEW = "review"
    """An operator should look at it before viewers do."""
    BLOCK = "block"


class Evidence(msgspec.Struct, frozen=True):
    """What a content filter saw, and where."""

    reason: Annotated[str, msgspec.Meta(max_length=500)]
    """One sentence for an operator."""
    start: float | None = None
    """Seconds from the start of the video; None is the whole of it."""
    end: float | None = None
    score: float | None = None
    """Its meaning is the filter's own: a share, a probability, a distance."""


class Verdict(msgspec.Struct, frozen=True):
    """The answer of one content filter."""

    filter: str
    """Its name in the operator's chain."""
    decision: Decision
    evidence: tuple[Evidence, ...] = ()
    failure: str | None = None
    """Why the filter itself failed, in one sentence; then the decision is what its setting says."""
    seconds: float = 0.0
    """Wall time that it took."""


class Review(msgspec.Struct, frozen=True):
    """An operator's decision on a video that was held, or that the filters would have held."""

    approved: bool
    by: str
    """The name of the credential that decided."""
    note: str
    at: float


class ReviewRequest(msgspec.Struct, frozen=True):
    """Operator to ingest: publish what was held, or never."""

    approve: bool
    note: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class SubtitlesView(msgspec.Struct, frozen=True):
    """Subtitles that were sent for a job, as its URL shows them."""

    language: str
    """A tag of RFC 5646."""
    label: str
    default: bool
    forced: bool
    """Whether they only translate what the film's own language does not say."""
    hearing_impaired: bool
    """Whether they tell sounds too."""
    cue_count: int


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
    owner: str = ""
    """The name of the credential that sent the video."""
    profile: str | None = None
    verdicts: tuple[Verdict, ...] = ()
    """What the content filters said, once they have."""
    review: Review | None = None
    playable: bool = False
    """Whether viewers have the video already, perhaps not in all of its renditions."""
    subtitles: tuple[SubtitlesView, ...] = ()
    """Those that were sent for it; the file's own are not among them."""


class JobProgress(msgspec.Struct, frozen=True):
    """Something about a job changed: whoever shows it should read it again."""

    job_id: str


class JobEvent(msgspec.Struct, frozen=True):
    """Ingest to an operator's webhook: a job was done, failed, or is held for review."""

    event: str
    """``job.done``, ``job.failed`` or ``job.review``."""
    job: JobView

"""What people may ask of a job: to cancel it, to decide on what the filters held, and to add
subtitles to it. Pure."""

from typing import Final

import msgspec

from common.errors import NearcastError
from common.messages import JobState, Review
from ingest.jobs.model import Job, Sidecar

MOST_SIDECARS: Final = 32


class JobEnded(NearcastError):
    """The job has ended already: it is {state}."""

    status = 409


class JobPublishing(NearcastError):
    """The job cannot be cancelled any more: its video is being published."""

    status = 409


class JobFailing(NearcastError):
    """The job cannot be cancelled any more: it fails already."""

    status = 409


class JobNotHeld(NearcastError):
    """There is nothing to decide: the content filters have no doubts about the video so far."""

    status = 409


class JobDecided(NearcastError):
    """{by} has decided already: the video is {decision}."""

    status = 409


class JobSettled(NearcastError):
    """The job takes no more subtitles: its video is packaged already."""

    status = 409


class SubtitlesTooMany(NearcastError):
    """The job has subtitles in {limit} languages, and may have no more."""

    status = 409


class SubtitlesUnknown(NearcastError):
    """The job has no subtitles in {language!r}."""

    status = 404


def cancelled(job: Job, now: float) -> Job:
    """``job``, on its way to being cancelled; the one given when it is that already.

    Raises:
        JobEnded, JobFailing, JobPublishing: it is too late.
    """
    if job.cancelled:
        return job
    if job.state.final:
        raise JobEnded(state=job.state.value)
    if job.state is JobState.PUBLISHING:
        raise JobPublishing
    if job.error is not None:
        # What of it is published stays; cleaning has perhaps begun to go by that.
        raise JobFailing
    return _changed(job, now, cancelled=True)


def reviewed(job: Job, review: Review) -> Job:
    """``job`` with an operator's decision; the one given when it has the same already.

    Raises:
        JobDecided: it has another.
        JobEnded: it is too late.
        JobNotHeld: nobody needs to decide.
    """
    if job.review is not None:
        if job.review.approved is review.approved:
            return job
        decision = "approved" if job.review.approved else "refused"
        raise JobDecided(by=job.review.by, decision=decision)
    if job.state.final:
        raise JobEnded(state=job.state.value)
    if not job.held:
        raise JobNotHeld
    return _changed(job, review.at, review=review)


def with_sidecar(job: Job, sidecar: Sidecar, now: float) -> Job:
    """``job`` with subtitles, in place of those that it has in the same language.

    Raises:
        JobEnded, JobSettled: it is too late.
        SubtitlesTooMany: it has as many as it may have.
    """
    require_unsettled(job)
    others = [one for one in job.sidecars if one.language != sidecar.language]
    if len(others) >= MOST_SIDECARS:
        raise SubtitlesTooMany(limit=MOST_SIDECARS)
    if sidecar.default:
        others = [msgspec.structs.replace(one, default=False) for one in others]
    return _with_sidecars(job, [*others, sidecar], now)


def without_sidecar(job: Job, language: str, now: float) -> Job:
    """``job`` without the subtitles that it has in ``language``.

    Raises:
        JobEnded, JobSettled: it is too late.
        SubtitlesUnknown: there are none.
    """
    require_unsettled(job)
    others = [one for one in job.sidecars if one.language != language]
    if len(others) == len(job.sidecars):
        raise SubtitlesUnknown(language=language)
    return _with_sidecars(job, others, now)


def require_unsettled(job: Job) -> None:
    """See that ``job`` still takes subtitles.

    Raises:
        JobEnded, JobSettled: it does not.
    """
    if job.state.final or job.ending:
        raise JobEnded(state=job.state.value if job.state.final else "ending")
    if job.settled:
        raise JobSettled


def settled(job: Job) -> Job:
    """``job`` as it is packaged for the last time; the one given when it is that already.

    Whoever packages it writes this first, so that subtitles are in the package or are refused.
    """
    if job.settled:
        return job
    return msgspec.structs.replace(job, settled=True, revision=job.revision + 1)


def _with_sidecars(job: Job, sidecars: list[Sidecar], now: float) -> Job:
    ordered = tuple(sorted(sidecars, key=lambda one: one.language))
    return msgspec.structs.replace(job, sidecars=ordered, updated_at=now, revision=job.revision + 1)


def _changed(job: Job, now: float, **changes: object) -> Job:
    # Due at once: whoever asks may go away before anything comes of it.
    return msgspec.structs.replace(
        job, updated_at=now, due_at=now, revision=job.revision + 1, **changes
    )

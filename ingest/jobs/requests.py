"""What people may ask of a job: to cancel it, and to decide on what the filters held. Pure."""

import msgspec

from common.errors import NearcastError
from common.messages import JobState, Review
from ingest.jobs.model import Job


class JobEnded(NearcastError):
    """The job has ended already: it is {state}."""

    status = 409


class JobPublishing(NearcastError):
    """The job cannot be cancelled any more: its video is being published."""

    status = 409


class JobNotHeld(NearcastError):
    """There is nothing to decide: the content filters have no doubts about the video so far."""

    status = 409


class JobDecided(NearcastError):
    """{by} has decided already: the video is {decision}."""

    status = 409


def cancelled(job: Job, now: float) -> Job:
    """``job``, on its way to being cancelled; the one given when it is that already.

    Raises:
        JobEnded, JobPublishing: it is too late.
    """
    if job.cancelled:
        return job
    if job.state.final:
        raise JobEnded(state=job.state.value)
    if job.state is JobState.PUBLISHING:
        raise JobPublishing
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


def _changed(job: Job, now: float, **changes: object) -> Job:
    # Due at once: whoever asks may go away before anything comes of it.
    return msgspec.structs.replace(
        job, updated_at=now, due_at=now, revision=job.revision + 1, **changes
    )
